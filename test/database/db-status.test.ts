import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loginPassword } from "../../infra/database/login-password.ts";
import { up } from "../../scripts/agents/migrate/commands.ts";
import { readPasswordFile } from "../../scripts/agents/migrate/password-file.ts";
import { databaseOfStack } from "../../scripts/lib/find-database.ts";
import { startPostgres } from "../lib/postgres.ts";
import type { TestPostgres } from "../lib/postgres.ts";
import { runScript } from "../lib/run-script.ts";
import { prepareDatabase } from "./migrated-database.ts";
import type { PreparedDatabase } from "./migrated-database.ts";
import { migrationNames } from "./sql-files.ts";

let server: TestPostgres;
let database: PreparedDatabase;

beforeAll(async () => {
  server = await startPostgres();
  database = await prepareDatabase(server, "shown");
});
afterAll(async () => {
  await database.close();
  await server.stop();
});

/** libpq's variables of the reader. */
function environment(): Record<string, string> {
  const { host, port, password = "" } = database.settings;
  return {
    PGHOST: host,
    PGPORT: String(port),
    PGDATABASE: "shown",
    PGUSER: "shown_reader_login",
    PGPASSWORD: password,
    PGSSLMODE: "disable",
  };
}

interface Shown {
  inOrder: boolean;
  migrations: { name: string; state: string; appliedBy?: string; appliedAt?: string }[];
  problems: string[];
  catalog: {
    recordedFingerprint: string;
    liveFingerprint: string;
    differences: { object: string; expected?: string; found?: string }[];
  };
}

async function shown(...args: string[]): Promise<{ code: number | null; state: Shown }> {
  const { code, stdout } = await runScript("db-status", ["--json", ...args], environment());
  return { code, state: JSON.parse(stdout) as Shown };
}

describe("db:status", () => {
  it("goes from pending to in order, and names what is edited, unknown and changed by hand", async () => {
    const pending = await shown();
    expect(pending.code).toBe(1);
    expect(pending.state.migrations.map(({ state }) => state)).toEqual(
      migrationNames.map(() => "pending"),
    );

    await up(database.context);
    const { code, stdout } = await runScript("db-status", [], environment());
    expect(code).toBe(0);
    const lines = stdout.trimEnd().split("\n");
    expect(lines[0]).toBe(
      `database shown at 127.0.0.1:${String(server.port)}, seen as shown_reader_login`,
    );
    expect(lines.slice(2, -2).map((line) => line.replace(/\d{4}-.*Z in \d+ ms/, "<when>"))).toEqual(
      migrationNames.map((name) => `${name.padEnd(28)}  applied   <when> by shown_owner_login`),
    );
    expect(lines.slice(-2)).toEqual([
      "0 problems found",
      expect.stringMatching(
        /^the tables are as the migrations made them \(fingerprint \w{12}\)$/,
      ) as string,
    ]);

    const superuser = await database.connectAsSuperuser();
    await superuser.query(`
      SET search_path = pool_migration;
      UPDATE schema_migration_ledger SET sha256 = repeat('0', 64) WHERE name LIKE '0005%';
      INSERT INTO schema_migration_ledger SELECT '9008_gone', sha256, now(), 1, 'somebody', fingerprint
        FROM schema_migration_ledger WHERE name LIKE '0009%';
      GRANT UPDATE ON stage_changes TO shown_writer`);
    const wrong = await shown();
    expect(wrong.code).toBe(1);
    expect(wrong.state).toMatchObject({
      inOrder: false,
      problems: ["privileges: shown_writer may UPDATE on stage_changes"],
      catalog: {
        differences: [
          {
            object: "grant on stage_changes to shown_writer",
            expected: "INSERT, SELECT",
            found: "INSERT, SELECT, UPDATE",
          },
        ],
      },
    });
    expect(wrong.state.catalog.liveFingerprint).not.toBe(wrong.state.catalog.recordedFingerprint);
    const notApplied = wrong.state.migrations.filter(({ state }) => state !== "applied");
    expect(notApplied).toMatchObject([
      { name: "0005_stage_changes", state: "edited", appliedBy: "shown_owner_login" },
      { name: "9008_gone", state: "unknown", appliedBy: "somebody" },
    ]);
    await superuser.query("REVOKE UPDATE ON stage_changes FROM shown_writer");
    await superuser.query(
      "DELETE FROM schema_migration_ledger WHERE sha256 = repeat('0', 64) OR name = '9008_gone'",
    );
  });

  it("finds the password in a file that only its owner can read", async () => {
    const directory = await mkdtemp(join(tmpdir(), "pool-migration-pgpass-"));
    const file = join(directory, "pgpass");
    const { PGPASSWORD = "" } = environment();
    const run = () =>
      runScript("db-status", [], { ...environment(), PGPASSWORD: "", PGPASSFILE: file });
    await writeFile(
      file,
      `*:*:shown:another:no\n127.0.0.1:*:*:shown_reader_login:${PGPASSWORD}\n`,
      {
        mode: 0o600,
      },
    );
    expect((await run()).stdout).toContain("seen as shown_reader_login");
    await chmod(file, 0o640);
    expect(await run()).toMatchObject({
      code: 2,
      stderr: `db:status: ${file} (PGPASSFILE) can be read by others; chmod 600 ${file}\n`,
    });
    await rm(directory, { recursive: true });
  });

  it.each([
    ["a wrong password", { PGPASSWORD: "wrong" }, 2, "password authentication failed"],
    ["no such database", { PGDATABASE: "nowhere" }, 2, 'database "nowhere" does not exist'],
    ["no TLS", { PGSSLMODE: "require" }, 2, "does not support SSL"],
    ["half an address", { PGUSER: "" }, 2, "PGUSER is not set"],
    ["nobody there", { PGPORT: "1" }, 3, "did not answer within 2 s: connect ECONNREFUSED"],
    [
      "no stack to ask",
      { PGHOST: "", PATH: "/nonexistent" },
      2,
      "Without it: set PGHOST, PGPORT, PGDATABASE",
    ],
  ])("says what is wrong: %s", async (_, changed, code, sentence) => {
    const result = await runScript("db-status", [], { ...environment(), ...changed });
    expect(result.stderr).toContain(sentence);
    expect(result).toMatchObject({ code, stdout: "" });
  });
});

describe("a password file", () => {
  const login = { host: "db:1", port: 5432, database: "pools", user: "reader" };
  let directory: string;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "pool-migration-pgpass-"));
  });
  afterAll(() => rm(directory, { recursive: true }));

  const passwordIn = async (...lines: string[]): Promise<string> => {
    const file = join(directory, "pgpass");
    await writeFile(file, lines.join("\n"), { mode: 0o600 });
    return readPasswordFile(file, login);
  };

  it("gives the first line that fits, with escaped colons and backslashes", async () => {
    expect(
      await passwordIn(
        "# db\\:1:5432:pools:reader:comment",
        "db\\:1:5433:pools:reader:other port",
        "db\\:1:5432:pools",
        "db\\:1:*:pools:reader:a\\:b\\\\c",
        "*:*:*:*:later",
      ),
    ).toBe("a:b\\c");
  });

  it("without such a login, or without being there, is named", async () => {
    await expect(passwordIn("*:*:*:writer:x", "")).rejects.toThrow(
      /pgpass \(PGPASSFILE\) has no line for db:1:5432:pools:reader$/,
    );
    expect(() => readPasswordFile(join(directory, "none"), login)).toThrow(
      /PGPASSFILE cannot be read: ENOENT/,
    );
  });
});

describe("the stack's configuration", () => {
  it("names the database, and its administrator's password gives the reader's", () => {
    const found = databaseOfStack("dev", {
      database: {
        host: "db.example.com",
        port: 5433,
        name: "pools",
        admin: { user: "admin", password: "of the administrator" },
        ssl: "require",
        keepMonths: 12,
        toolsImage: "registry.example.com/tools:1",
      },
    });
    expect(found).toMatchObject({
      host: "db.example.com",
      port: 5433,
      database: "pools",
      user: "pools_reader_login",
      password: loginPassword("of the administrator", "pools", "reader"),
      ssl: "require",
    });
  });

  it("may name none", () => {
    expect(() => databaseOfStack("dev", { database: undefined })).toThrow(
      expect.objectContaining({
        exitCode: 2,
        message: expect.stringContaining("stack dev has no database") as string,
      }),
    );
  });
});
