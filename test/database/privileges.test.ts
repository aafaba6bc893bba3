import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { accessKinds, loginRole, schemaName } from "../../infra/database/names.ts";
import type { AccessKind } from "../../infra/database/names.ts";
import { projectDirectories, up } from "../../scripts/agents/migrate/commands.ts";
import { defaultPatience } from "../../scripts/agents/migrate/settings.ts";
import { PostgresqlProvider } from "../../scripts/local/providers/postgresql/provider.ts";
import type { PropertyMap } from "../../scripts/local/providers/lib/properties.ts";
import { exampleGraph } from "../components/example-stack.ts";
import { startPostgres } from "../lib/postgres.ts";
import type { TestPostgres } from "../lib/postgres.ts";
import type { RegisteredResource } from "../lib/graph.ts";
import { ensureAdministrator, password, prepareDatabase } from "./migrated-database.ts";

const name = "declared";
const provider = new PostgresqlProvider();
let server: TestPostgres;
let declared: RegisteredResource[];
const logins = {} as Record<AccessKind, pg.Client>;
const clients: pg.Client[] = [];

/** Everything that the stack declares, made by the provider for an administrator who is no superuser. */
beforeAll(async () => {
  server = await startPostgres();
  await ensureAdministrator(server);
  const { resources } = await exampleGraph("p25", {
    database: {
      host: "127.0.0.1",
      port: server.port,
      name,
      admin: { user: "administrator", password },
      ssl: "disable",
    },
  });
  declared = resources.filter(({ type }) => type.startsWith("postgresql:index/"));
  const { inputs } = resources.find(({ type }) => type === "pulumi:providers:postgresql") ?? {};
  await provider.configure(inputs as PropertyMap);
  for (const resource of declared) {
    const { inputs } = await provider.check({
      ...call(resource),
      oldInputs: {},
      newInputs: resource.inputs as PropertyMap,
      randomSeed: new Uint8Array([1]),
    });
    await provider.create({ ...call(resource), inputs, preview: false, timeoutSeconds: undefined });
  }
  for (const kind of accessKinds) logins[kind] = await connect(loginRole(name, kind));
  await up({
    settings: {
      host: "127.0.0.1",
      port: server.port,
      database: name,
      user: loginRole(name, "owner"),
      password: passwordOf(loginRole(name, "owner")),
      ssl: "disable",
      patience: defaultPatience,
    },
    directories: projectDirectories,
    progress: () => undefined,
  });
});
afterAll(async () => {
  await Promise.all(clients.map((client) => client.end()));
  await server.stop();
});

function call({ urn, type, name }: RegisteredResource) {
  const signal = new AbortController().signal;
  return { urn, type, name, signal, status: () => undefined };
}

function passwordOf(role: string): string {
  return String(declared.find(({ inputs }) => inputs.name === role)?.inputs.password);
}

async function connect(user: string, secret = passwordOf(user)): Promise<pg.Client> {
  const config = { host: "127.0.0.1", port: server.port, database: name, user, password: secret };
  const client = new pg.Client(config);
  await client.connect();
  clients.push(client);
  return client;
}

/** Whether a login may run a statement; an error other than a missing privilege comes after that was looked at. */
async function may(client: pg.Client, sql: string): Promise<boolean> {
  await client.query("BEGIN");
  try {
    await client.query(sql);
    return true;
  } catch (error) {
    return (error as { code?: string }).code !== "42501";
  } finally {
    await client.query("ROLLBACK");
  }
}

const tables = [
  "pool_configurations",
  "pool_metrics",
  "migration_status",
  "stage_changes",
  "brake_events",
  "attempts",
  "verdicts",
  "schema_migration_ledger",
  "schema_migrations",
  "expected_catalog",
];
const journals = ["pool_metrics", "stage_changes", "brake_events", "attempts", "verdicts"];
const mutable = ["pool_configurations", "migration_status"];

const statements: Record<string, (table: string) => string> = {
  SELECT: (table) => `SELECT count(*) FROM ${table}`,
  INSERT: (table) => `INSERT INTO ${table} DEFAULT VALUES`,
  UPDATE: (table) => `UPDATE ${table} SET ${firstColumn[table] ?? "created_at"} = DEFAULT`,
  DELETE: (table) => `DELETE FROM ${table}`,
  TRUNCATE: (table) => `TRUNCATE ${table}`,
  ALTER: (table) => `ALTER TABLE ${table} ADD COLUMN guest text`,
  DROP: (table) => `DROP TABLE ${table}`,
};
const firstColumn: Record<string, string> = {
  schema_migration_ledger: "applied_at",
  schema_migrations: "run_on",
  expected_catalog: "definition",
};

describe("every table", () => {
  it.each([
    ["reader" as const, (privilege: string) => privilege === "SELECT"],
    [
      "writer" as const,
      (privilege: string, table: string) =>
        privilege === "SELECT" ||
        (privilege === "INSERT" && [...journals, ...mutable].includes(table)) ||
        (privilege === "UPDATE" && mutable.includes(table)),
    ],
    // Whoever makes the tables may do all of it.
    ["owner" as const, () => true],
  ])("lets the %s do what is meant and nothing else", async (kind, meant) => {
    const wrong: string[] = [];
    for (const table of tables) {
      for (const [privilege, sql] of Object.entries(statements)) {
        const allowed = await may(logins[kind], sql(table));
        if (allowed !== meant(privilege, table)) {
          wrong.push(`${privilege} on ${table} is ${allowed ? "allowed" : "refused"}`);
        }
      }
    }
    expect(wrong).toEqual([]);
  });

  it("is listed here", async () => {
    const { rows } = await logins.reader.query<{ name: string }>(
      `SELECT relname AS name FROM pg_class
       WHERE relnamespace = '${schemaName}'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition`,
    );
    expect(rows.map((row) => row.name).sort()).toEqual(tables.toSorted());
  });
});

describe("beside the tables", () => {
  it.each([
    ["make a table", "CREATE TABLE guest ()", ["owner"]],
    ["make a temporary table", "CREATE TEMPORARY TABLE guest ()", ["owner"]],
    ["make a table in public", "CREATE TABLE public.guest ()", ["owner"]],
    ["make a schema", "CREATE SCHEMA guest", ["owner"]],
    ["make a role", "CREATE ROLE guest", []],
    ["act as the owner", `SET ROLE ${name}_owner`, ["owner"]],
    ["make partitions", "SELECT ensure_partitions(3)", ["owner", "writer"]],
    ["read files", "COPY stage_changes FROM '/etc/hostname'", []],
    ["see password hashes", "SELECT rolpassword FROM pg_authid", []],
  ])("who may %s", async (_, sql, allowed) => {
    const found: string[] = [];
    for (const kind of accessKinds) {
      if (await may(logins[kind], sql)) found.push(kind);
    }
    expect(found).toEqual(allowed);
  });

  it("what migrations make later is a journal by default, and its functions are nobody's", async () => {
    const { owner, writer, reader } = logins;
    await owner.query(`
      SET ROLE ${name}_owner;
      CREATE TABLE later (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, note text);
      CREATE FUNCTION later() RETURNS integer LANGUAGE sql AS 'SELECT 1'`);
    await writer.query("INSERT INTO later (note) VALUES ('kept')");
    expect((await reader.query("SELECT note FROM later")).rows).toEqual([{ note: "kept" }]);
    const refused: [pg.Client, string][] = [
      [writer, "UPDATE later SET note = ''"],
      [writer, "DELETE FROM later"],
      [writer, "SELECT later()"],
      [reader, "INSERT INTO later (note) VALUES ('')"],
      [reader, "SELECT later()"],
    ];
    for (const [client, sql] of refused)
      expect([sql, await may(client, sql)]).toEqual([sql, false]);
    await owner.query("DROP TABLE later; DROP FUNCTION later(); RESET ROLE");
  });

  it("none of the roles has an attribute that reaches further", async () => {
    const { rows } = await logins.reader.query(
      `SELECT rolname FROM pg_roles WHERE rolname LIKE $1
         AND (rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls)`,
      [`${name}\\_%`],
    );
    expect(rows).toEqual([]);
  });

  it("other logins of the server stay outside, the administrator comes in", async () => {
    const administrator = await connect("administrator", password);
    await administrator.query("CREATE ROLE stranger LOGIN PASSWORD 'loopback-only'");
    await expect(connect("stranger", "loopback-only")).rejects.toMatchObject({ code: "42501" });
    expect(await may(administrator, `SELECT count(*) FROM ${schemaName}.stage_changes`)).toBe(
      false,
    );
  });
});

describe("what was declared", () => {
  it("is found as it was declared", async () => {
    for (const resource of declared) {
      const { type, inputs } = resource;
      const id = typeof inputs.name === "string" ? inputs.name : resource.name;
      const found = await provider.read({
        ...call(resource),
        id,
        inputs: inputs as PropertyMap,
        outputs: inputs as PropertyMap,
      });
      expect([type, resource.name, found?.inputs.privileges]).toEqual([
        type,
        resource.name,
        inputs.privileges,
      ]);
    }
  });

  it("is what the other tests' databases have", async () => {
    const prepared = await prepareDatabase(server, "prepared");
    const privileges = async (client: pg.Client, database: string) => {
      const { rows } = await client.query<{ acl: string }>(
        `SELECT format('database %s', entry) AS acl FROM pg_database, unnest(datacl) AS entry
           WHERE datname = current_database()
         UNION ALL SELECT format('schema %s', entry) FROM pg_namespace, unnest(nspacl) AS entry
           WHERE nspname = $1
         UNION ALL SELECT format('default %s %s %s', defaclnamespace::regnamespace, defaclobjtype, entry)
           FROM pg_default_acl, unnest(defaclacl) AS entry
         ORDER BY 1`,
        [schemaName],
      );
      return rows.map(({ acl }) => acl.replaceAll(`${database}_`, ""));
    };
    const expected = await privileges(logins.owner, name);
    expect(expected.length).toBeGreaterThanOrEqual(10);
    expect(await privileges(await prepared.connect("owner"), "prepared")).toEqual(expected);
    await prepared.close();
  });
});
