import { createServer } from "node:net";
import type { AddressInfo, Server } from "node:net";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { startPostgres } from "../lib/postgres.ts";
import type { TestPostgres } from "../lib/postgres.ts";
import { createEngineStack, endOf } from "./engine-stack.ts";
import type { OwnEngineStack } from "./engine-stack.ts";

let postgres: TestPostgres;
let stack: OwnEngineStack;

const adminPassword = "admin-secret-7";
const loginPassword = "login-secret-8";

beforeAll(async () => {
  [postgres, stack] = await Promise.all([startPostgres(), createEngineStack()]);
  await query(`CREATE ROLE administrator LOGIN CREATEDB CREATEROLE PASSWORD '${adminPassword}'`);
}, 900_000);

afterAll(async () => {
  await postgres.stop();
  stack.remove();
});

/** Asks the server as its superuser, or as somebody else. */
async function query(text: string, url = postgres.url()): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(text)).rows;
  } finally {
    await client.end();
  }
}

const roleNames = async () =>
  (await query("SELECT rolname FROM pg_roles WHERE rolname LIKE 'moved%' ORDER BY 1")).map(
    ({ rolname }) => rolname,
  );

/** A program with a provider for the server (or another address), and the given resources. */
function program(resources: string, port = postgres.port): string {
  return `
    import * as postgresql from "@pulumi/postgresql";
    import * as pulumi from "@pulumi/pulumi";
    const provider = new postgresql.Provider("server", {
      host: "127.0.0.1", port: ${String(port)}, username: "administrator", sslmode: "disable",
      password: pulumi.secret("${adminPassword}"), superuser: false, connectTimeout: 30,
    });
    const opts = { provider };
    ${resources}
  `;
}

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
    stack.write(program(wholeDatabase(`"SELECT"`)));
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
    expect(await roleNames()).toContainEqual(expect.stringMatching(/^moved-auto-[0-9a-f]{7}$/));
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
    stack.write(program(wholeDatabase(`"SELECT", "INSERT"`)));
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
    expect(await roleNames()).toEqual([]);
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

describe("an update that cannot succeed", () => {
  it("has made what was declared first, although something else is refused at once", async () => {
    stack.write(
      program(`
        const first = new postgresql.Role("first", { name: "moved_first", login: false }, opts);
        new postgresql.Grant("refused", {
          database: "postgres", role: "nobody_at_all", objectType: "database", privileges: ["CONNECT"],
        }, { ...opts, dependsOn: [first] });
      `),
    );
    const { code, output } = await stack.run("up", "--yes", "--skip-preview");
    expect(output).toContain(`role "nobody_at_all" does not exist`);
    expect(code).not.toBe(0);
    expect(await roleNames()).toEqual(["moved_first"]);
  }, 60_000);

  it("says in one sentence what is wrong with an input", async () => {
    stack.write(
      program(`
        new postgresql.Grant("wrong", {
          database: "postgres", role: "x", objectType: "table", schema: "public", privileges: ["READ"],
        }, opts);
      `),
    );
    const { code, output } = await stack.run("preview");
    expect(output).toContain(
      `"READ" is no privilege of a table: use ALL or some of SELECT, INSERT`,
    );
    expect(code).not.toBe(0);
  }, 60_000);

  it("shows an error of the program in one clean line", async () => {
    stack.write(`
      import * as pulumi from "@pulumi/pulumi";
      const error = new pulumi.RunError("stage is p33; allowed are p5 and p10");
      error.stack = error.message;
      throw error;
    `);
    const { code, output } = await stack.run("preview", "--suppress-progress");
    expect(output).toMatch(/^ *error: stage is p33; allowed are p5 and p10$/m);
    expect(output).not.toMatch(/^ +at /m);
    expect(code).not.toBe(0);
  }, 60_000);

  it("names host and port of a server that is not there", async () => {
    const closed = await silentServer();
    closed.server.close();
    stack.write(program(`new postgresql.Role("r", { login: false }, opts);`, closed.port));
    const { code, output } = await stack.run("up", "--yes", "--skip-preview");
    expect(output).toContain(
      `PostgreSQL at 127.0.0.1:${String(closed.port)} (user administrator) cannot be used`,
    );
    expect(code).not.toBe(0);
  }, 60_000);
});

/** A port that takes connections and never says a word. */
async function silentServer(): Promise<{ server: Server; port: number; connected: Promise<void> }> {
  const server = createServer();
  const connected = new Promise<void>((resolve) => server.once("connection", () => resolve()));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { server, port: (server.address() as AddressInfo).port, connected };
}

describe("an update that waits", () => {
  const isRunning = (pid: number) => {
    try {
      process.kill(pid, 0);
      return true;
    } catch {
      return false;
    }
  };
  let silent: Awaited<ReturnType<typeof silentServer>>;

  beforeEach(async () => {
    silent = await silentServer();
  });
  afterEach(() => silent.server.close());

  /** Starts an update that waits for a server which never answers, by a program that never ends by itself. */
  async function startWaiting() {
    stack.write(
      program(
        `
        import { writeFileSync } from "node:fs";
        writeFileSync("program.pid", String(process.pid));
        new postgresql.Role("r", { login: false }, opts);
        setInterval(() => undefined, 1000);
      `,
        silent.port,
      ),
    );
    const child = stack.start("up", "--yes", "--skip-preview");
    const ended = endOf(child);
    await silent.connected;
    const pid = Number(readFileSync(join(stack.directory, "program.pid"), "utf8"));
    expect(isRunning(pid)).toBe(true);
    return { child, ended, pid };
  }

  it("ends at Ctrl-C, and the program with it; the next one goes on from there", async () => {
    const { child, ended, pid } = await startWaiting();
    child.kill("SIGINT");
    const { code, output } = await ended;
    expect(code).not.toBe(0);
    expect(output).toContain("cancelled");
    await vi.waitFor(() => expect(isRunning(pid)).toBe(false), 5_000);
    stack.write(program(""));
    const next = await stack.run("up", "--yes", "--skip-preview");
    expect(next.output).not.toContain("error:");
    expect(next.code).toBe(0);
  }, 60_000);

  it("leaves no process behind when the engine is killed", async () => {
    const { child, pid } = await startWaiting();
    child.kill("SIGKILL");
    await vi.waitFor(() => expect(isRunning(pid)).toBe(false), 5_000);
  }, 60_000);
});
