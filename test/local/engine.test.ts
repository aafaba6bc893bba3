import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startPostgres } from "../lib/postgres.ts";
import type { TestPostgres } from "../lib/postgres.ts";
import { createEngineStack } from "./engine-stack.ts";
import type { OwnEngineStack } from "./engine-stack.ts";
import {
  adminPassword,
  createAdministrator,
  postgresProgram,
  query as ask,
  roleNames,
} from "./postgres-program.ts";

let postgres: TestPostgres;
let stack: OwnEngineStack;

const loginPassword = "login-secret-8";

beforeAll(async () => {
  [postgres, stack] = await Promise.all([startPostgres(), createEngineStack()]);
  await createAdministrator(postgres.url());
}, 900_000);

afterAll(async () => {
  await postgres.stop();
  stack.remove();
});

/** Asks the server as its superuser, or as somebody else. */
const query = (text: string, url = postgres.url()) => ask(url, text);

/** Writes a program with these resources. */
const write = (resources: string) => stack.write(postgresProgram(resources, postgres.port));

/** Database, schema, an owner that cannot log in, and a login that may read what the owner creates. */
const wholeDatabase = (privileges: string) => `
  const owner = new postgresql.Role("owner", { name: "moved_owner", login: false }, opts);
  const readers = new postgresql.Role("readers", { name: "moved_readers", login: false }, opts);
  const login = new postgresql.Role("login", {
    name: "moved_login", login: true, password: pulumi.secret("${loginPassword}"),
    roles: [readers.name, owner.name], searchPaths: ["moving", "public"],
  }, opts);
  const database = new postgresql.Database("db", { name: "moved", owner: owner.name }, opts);
  const schema = new postgresql.Schema("schema", {
    name: "moving", database: database.name, owner: owner.name,
  }, { ...opts, deletedWith: database });
  const inside = { ...opts, deletedWith: database };
  const role = readers.name;
  new postgresql.Grant("connect", {
    database: database.name, role, objectType: "database", privileges: ["CONNECT"] }, inside);
  new postgresql.Grant("use", {
    database: database.name, schema: schema.name, role, objectType: "schema", privileges: ["USAGE"],
  }, inside);
  new postgresql.DefaultPrivileges("read", {
    database: database.name, schema: schema.name, owner: owner.name, role, objectType: "table",
    privileges: [${privileges}],
  }, inside);
  export const loginName = login.name;
  export const automatic = new postgresql.Role("moved-auto", { login: false }, opts).name;
`;

describe("a stack on the local engine", () => {
  it("runs on a real engine; what is not official is said to be a stand-in", () => {
    expect(stack.inventory.engine.version).toMatch(/^v3\./);
    const kinds = Object.values(stack.inventory.providers).map(({ kind }) => kind);
    for (const kind of [...kinds, stack.inventory.languageHost]) {
      expect(["official", "stand-in"]).toContain(kind);
    }
  });

  it("gets what it declares, by an administrator who is no superuser", async () => {
    write(wholeDatabase(`"SELECT"`));
    const { code, output } = await stack.run("up", "--yes", "--skip-preview");
    expect(output).toContain("created");
    expect(code).toBe(0);
    // Found without a word about it in every command's output.
    expect(output).not.toContain("warning");

    const login = postgres.url("moved").replace(/\/\/.*@/, `//moved_login:${loginPassword}@`);
    await query("SET ROLE moved_owner; CREATE TABLE moving.t (i int)", login);
    await query("SET ROLE moved_readers; SELECT * FROM t", login);
    await expect(query("SET ROLE moved_readers; DELETE FROM t", login)).rejects.toThrow(
      "permission denied",
    );
    const owners = await query(
      `SELECT pg_get_userbyid(datdba) AS owner FROM pg_database WHERE datname = 'moved'`,
    );
    expect(owners).toEqual([{ owner: "moved_owner" }]);
    // What the administrator had to become for this it is no longer.
    const memberships = await query(
      "SELECT FROM pg_auth_members WHERE member = 'administrator'::regrole AND set_option",
    );
    expect(memberships).toEqual([]);
    expect(await roleNames(postgres.url())).toContainEqual(
      expect.stringMatching(/^moved-auto-[0-9a-f]{7}$/),
    );
  }, 60_000);

  it("keeps its secrets out of what the engine stores", () => {
    const texts = stack.storedTexts().join("\n");
    expect(texts).toContain("moved_login");
    expect(texts).not.toContain(loginPassword);
    expect(texts).not.toContain(adminPassword);
  });

  it("does not change a second time, seen from the server either", async () => {
    const { code, output } = await stack.run(
      ...["up", "--yes", "--skip-preview", "--refresh", "--expect-no-changes"],
    );
    expect(output).toContain("unchanged");
    expect(code).toBe(0);
  }, 60_000);

  it("shows and makes a change in place, and undoes what somebody changed by hand", async () => {
    await query("ALTER ROLE moved_login CONNECTION LIMIT 3; ALTER ROLE moved_readers LOGIN");
    write(wholeDatabase(`"SELECT", "INSERT"`));
    const { code, output } = await stack.run("up", "--yes", "--refresh", "--diff");
    expect(output).toContain(`+ [1]: "INSERT"`);
    expect(output).toMatch(/~ 3 to update/);
    expect(code).toBe(0);
    const [readers] = await query("SELECT * FROM pg_roles WHERE rolname = 'moved_readers'");
    expect(readers).toMatchObject({ rolcanlogin: false });
    const [login] = await query("SELECT * FROM pg_roles WHERE rolname = 'moved_login'");
    expect(login).toMatchObject({ rolcanlogin: true, rolconnlimit: -1 });
    const defaults = await query(
      "SELECT defaclacl::text FROM pg_default_acl",
      postgres.url("moved"),
    );
    expect(defaults).toEqual([{ defaclacl: "{moved_readers=ar/moved_owner}" }]);
  }, 60_000);

  it("is destroyed without a trace, and its history told", async () => {
    const { code, output } = await stack.run("destroy", "--yes", "--skip-preview");
    expect(output).toContain("deleted");
    expect(code).toBe(0);
    expect(await roleNames(postgres.url())).toEqual([]);
    expect(await query("SELECT FROM pg_database WHERE datname = 'moved'")).toEqual([]);
    const history = await stack.run("stack", "history", "--output", "json");
    const entries = JSON.parse(history.output) as { kind: string; result: string }[];
    expect(entries.map(({ kind, result }) => `${kind} ${result}`)).toEqual([
      "destroy succeeded",
      "update succeeded",
      "update succeeded",
      "update succeeded",
    ]);
  }, 60_000);
});
