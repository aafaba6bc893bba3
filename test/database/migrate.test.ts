import { execFile } from "node:child_process";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { migrationsDigest } from "../../infra/database/migrations.ts";
import { runCommandLine } from "../../scripts/agents/migrate/command-line.ts";
import { down, projectDirectories, status, up } from "../../scripts/agents/migrate/commands.ts";
import type { CommandContext, SqlDirectories } from "../../scripts/agents/migrate/commands.ts";
import { startPostgres } from "../lib/postgres.ts";
import type { TestPostgres } from "../lib/postgres.ts";
import { prepareDatabase } from "./migrated-database.ts";
import type { PreparedDatabase } from "./migrated-database.ts";

let server: TestPostgres;
const directories: string[] = [];

beforeAll(async () => {
  server = await startPostgres();
});
afterAll(async () => {
  await server.stop();
  await Promise.all(directories.map((directory) => rm(directory, { recursive: true })));
});

/** The project's SQL files in a directory of their own, to be changed. */
async function copyOfFiles(): Promise<SqlDirectories> {
  const directory = await mkdtemp(join(tmpdir(), "pool-migration-sql-"));
  directories.push(directory);
  const copy = { migrations: join(directory, "migrations"), verify: join(directory, "verify") };
  await cp(projectDirectories.migrations, copy.migrations, { recursive: true });
  await cp(projectDirectories.verify, copy.verify, { recursive: true });
  return copy;
}

/** The same context with less patience. */
function impatient(
  context: CommandContext,
  patience: Partial<CommandContext["settings"]["patience"]>,
): CommandContext {
  const { settings } = context;
  return {
    ...context,
    settings: { ...settings, patience: { ...settings.patience, ...patience } },
  };
}

const migration = (up: string, down: string) =>
  `-- Up Migration\n${up};\n\n-- Down Migration\n${down};\n`;

async function appliedNames(database: PreparedDatabase): Promise<string[]> {
  const { migrations } = await status(database.context);
  return migrations.filter(({ state }) => state === "applied").map(({ name }) => name);
}

describe("two runs at once", () => {
  it("share the work: one does it, the other waits and finds it done", async () => {
    const database = await prepareDatabase(server, "at_once");
    const results = await Promise.all([up(database.context), up(database.context)]);
    const changed = results.map((result) => result.changed.length).sort();
    expect(changed).toEqual([0, 6]);
    expect(results.map(({ problems }) => problems)).toEqual([[], []]);
    await database.close();
  });

  it("name the session that does not end", async () => {
    const database = await prepareDatabase(server, "hung");
    const hung = await database.connect("owner");
    await hung.query("SET application_name = 'a hung run'");
    await hung.query("SELECT pg_advisory_lock(7241865325823964)");
    const { rows } = await hung.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
    const run = up(impatient(database.context, { runnerLockSeconds: 0.3 }));
    await expect(run).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringMatching(
        new RegExp(`did not end within 0.3 s: session ${rows[0]?.pid} \\(a hung run\\)`),
      ) as string,
    });
    expect(await appliedNames(database)).toEqual([]);
    await database.close();
  });
});

describe("an applied file", () => {
  it.each([
    [
      "edited",
      async (directory: string) => {
        const file = join(directory, "0005_stage_changes.sql");
        await writeFile(file, (await readFile(file, "utf8")).replace("why text", "reason text"));
      },
      "0005_stage_changes.sql was edited after it was applied",
    ],
    [
      "removed",
      (directory: string) => rm(join(directory, "0005_stage_changes.sql")),
      "0005_stage_changes.sql was applied at",
    ],
    [
      "preceded by a new one",
      (directory: string) =>
        writeFile(join(directory, "0003_late.sql"), migration("SELECT 1", "SELECT 1")),
      "0003_late.sql is new and comes before 0003_pool_metrics",
    ],
  ])("that was %s is refused, and nothing changes", async (what, change, message) => {
    const database = await prepareDatabase(server, `history_${what.replace(/ .*/, "")}`);
    const copy = await copyOfFiles();
    const context = { ...database.context, directories: copy };
    await up(context);
    await change(copy.migrations);
    await writeFile(
      join(copy.migrations, "0007_next.sql"),
      migration("CREATE TABLE next ()", "DROP TABLE next"),
    );
    const refusal = {
      exitCode: 2,
      message: expect.stringMatching(
        new RegExp(`^nothing was changed: .*${message}.*Restore applied files`),
      ) as string,
    };
    await expect(up(context)).rejects.toMatchObject(refusal);
    await expect(down(context, 1)).rejects.toMatchObject(refusal);
    expect((await appliedNames(database)).length).toBe(6);
    await database.close();
  });
});

describe("a table that somebody else has locked", () => {
  it("lets the others pass between the attempts and is migrated when it is free", async () => {
    const database = await prepareDatabase(server, "locked_a_while");
    const copy = await copyOfFiles();
    await up({ ...database.context, directories: copy });
    await writeFile(
      join(copy.migrations, "0007_column.sql"),
      migration(
        "ALTER TABLE migration_status ADD COLUMN later text",
        "ALTER TABLE migration_status DROP COLUMN later",
      ),
    );
    const reader = await database.connect("reader");
    await reader.query("BEGIN; SELECT FROM migration_status");
    const context = impatient(
      { ...database.context, directories: copy },
      { tableLockMilliseconds: 100, attempts: 100 },
    );
    const run = up(context);
    const writer = await database.connect("writer");
    await waitForLockRequest(writer, "migration_status");
    await writer.query("INSERT INTO migration_status (phase, status) VALUES ('a', 'pending')");
    await reader.query("COMMIT");
    expect((await run).changed).toEqual(["0007_column"]);
    await database.close();
  });

  it("fails with the name of the session that holds it, and leaves nothing half done", async () => {
    const database = await prepareDatabase(server, "locked_for_good");
    const copy = await copyOfFiles();
    await up({ ...database.context, directories: copy });
    await writeFile(
      join(copy.migrations, "0007_columns.sql"),
      migration(
        "ALTER TABLE stage_changes ADD COLUMN later text; ALTER TABLE migration_status ADD COLUMN later text",
        "ALTER TABLE migration_status DROP COLUMN later; ALTER TABLE stage_changes DROP COLUMN later",
      ),
    );
    const reader = await database.connect("reader");
    await reader.query("SET application_name = 'a long report'");
    await reader.query("BEGIN; SELECT FROM migration_status");
    const context = impatient(
      { ...database.context, directories: copy },
      { tableLockMilliseconds: 50, attempts: 3 },
    );
    await expect(up(context)).rejects.toMatchObject({
      exitCode: 3,
      message: expect.stringMatching(
        /3 attempts of 50 ms; session \d+ \(a long report\) holds AccessShareLock on migration_status/,
      ) as string,
    });
    await reader.query("COMMIT");
    await reader.query("SELECT to_stage FROM stage_changes");
    await expect(reader.query("SELECT later FROM stage_changes")).rejects.toMatchObject({
      code: "42703",
    });
    expect((await up(context)).changed).toEqual(["0007_columns"]);
    await database.close();
  });
});

describe("a run that dies", () => {
  it("leaves whole migrations behind, each in the ledger, and the next run goes on", async () => {
    const database = await prepareDatabase(server, "dies");
    const superuser = await database.connectAsSuperuser();
    const context = {
      ...database.context,
      progress: (line: string) => {
        if (line !== "applied 0002_pool_configurations") return;
        void superuser.query(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
           WHERE application_name = 'pool-migration migrate' AND datname = current_database()`,
        );
      },
    };
    await expect(up(context)).rejects.toMatchObject({ exitCode: 3 });
    const { rows } = await superuser.query<{ ran: string; recorded: string }>(
      `SELECT ran.name AS ran, recorded.name AS recorded
       FROM pool_migration.schema_migrations AS ran
       FULL JOIN pool_migration.schema_migration_ledger AS recorded USING (name) ORDER BY 1`,
    );
    expect(rows.length).toBeGreaterThanOrEqual(2);
    expect(rows.length).toBeLessThan(6);
    for (const { ran, recorded } of rows) expect(recorded).toBe(ran);

    const result = await up(database.context);
    expect(result.changed.length).toBe(6 - rows.length);
    expect(result.problems).toEqual([]);
    await database.close();
  });

  it("keeps the migrations before the one that fails", async () => {
    const database = await prepareDatabase(server, "fails");
    const copy = await copyOfFiles();
    await writeFile(
      join(copy.migrations, "0007_wrong.sql"),
      migration("CREATE TABLE half (); SELECT 1 / 0", "DROP TABLE half"),
    );
    await expect(up({ ...database.context, directories: copy })).rejects.toMatchObject({
      exitCode: 3,
      message: "0007_wrong.sql (up) failed and was rolled back: division by zero (SQLSTATE 22012)",
    });
    expect((await appliedNames(database)).length).toBe(6);
    const owner = await database.connect("owner");
    await expect(owner.query("SELECT FROM half")).rejects.toMatchObject({ code: "42P01" });
    await database.close();
  });
});

describe("files that are no migrations", () => {
  it("are refused before the database is asked", async () => {
    const copy = await copyOfFiles();
    await writeFile(join(copy.migrations, "7-Wrong.sql"), migration("SELECT 1", "SELECT 1"));
    await writeFile(join(copy.migrations, "0008_one_way.sql"), "CREATE TABLE one_way ();\n");
    const context = {
      ...(await prepareDatabase(server, "no_migrations")).context,
      directories: copy,
    };
    await expect(async () => up(context)).rejects.toMatchObject({
      exitCode: 2,
      message:
        '0008_one_way.sql needs a line "-- Up Migration" with SQL below it, then a line ' +
        '"-- Down Migration" with SQL below it; 7-Wrong.sql is not named <4 digits>_<lower-case words>.sql',
    });
  });
});

describe("the command", () => {
  let database: PreparedDatabase;
  beforeAll(async () => {
    database = await prepareDatabase(server, "command");
  });
  afterAll(() => database.close());

  /** The environment that the Job gives. */
  const environment = () => {
    const { settings } = database;
    return {
      PGHOST: settings.host,
      PGPORT: String(settings.port),
      PGDATABASE: settings.database,
      PGUSER: settings.user,
      PGPASSWORD: settings.password,
      PGSSLMODE: settings.ssl,
    };
  };

  async function run(args: string[], changed: Record<string, string> = {}) {
    let [stdout, stderr] = ["", ""];
    const code = await runCommandLine(args, {
      environment: { ...environment(), ...changed },
      stdout: (text) => (stdout += text),
      stderr: (text) => (stderr += text),
      signal: new AbortController().signal,
    });
    return { code, stdout, stderr };
  }

  it("goes through status, up, status, verify and down", async () => {
    expect(await run(["status"])).toMatchObject({
      code: 1,
      stdout: expect.stringContaining("pending") as string,
    });
    const applied = await run(["up", "--json", "--expect-digest", migrationsDigest()]);
    expect(applied.code).toBe(0);
    expect(applied.stderr).toContain("applied 0006_brake_events");
    expect(JSON.parse(applied.stdout)).toMatchObject({
      changed: expect.arrayContaining(["0003_pool_metrics"]) as string[],
      problems: [],
    });
    expect(await run(["status"])).toMatchObject({ code: 0 });
    expect(await run(["verify"])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("0 problems found") as string,
    });
    expect(await run(["down"])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("add --yes") as string,
    });
    expect(await run(["down", "--yes", "--count", "2"])).toMatchObject({
      code: 0,
      stderr: "reverted 0006_brake_events\nreverted 0005_stage_changes\n",
    });
    expect(await run(["verify"])).toMatchObject({ code: 1 });
  });

  it.each([
    [["sideways"], {}, 2, '"sideways" is no command, use up, down, status or verify'],
    [["up", "--force"], {}, 2, "Unknown option '--force'"],
    [["down", "--yes", "--count", "0"], {}, 2, '--count is "0", use an integer from 1'],
    [["up", "--expect-digest", "abc"], {}, 2, "build it anew and set images.tools to it"],
    [["up"], { PGHOST: "", PGPORT: "x" }, 2, 'PGHOST is not set; PGPORT is "x"'],
    [["up"], { PGPASSWORD: "wrong" }, 2, "password authentication failed"],
    [["up"], { PGDATABASE: "postgres" }, 2, "is not prepared for command_owner_login"],
  ])("%j with %j ends with %i and a sentence", async (args, environment, code, sentence) => {
    const result = await run(args, environment);
    expect(result.stderr).toContain(sentence);
    expect(result.stderr.trim().split("\n").length).toBe(1);
    expect(result).toMatchObject({ code, stdout: "" });
  });

  it("runs as a process of its own", async () => {
    const file = join(import.meta.dirname, "../../scripts/agents/migrate.ts");
    const { stdout } = await promisify(execFile)(process.execPath, [file, "--help"]);
    expect(stdout).toContain("Exit codes: 0 done");
    const refused = promisify(execFile)(process.execPath, [file, "up"], {
      env: { ...environment(), PGPASSWORD: "wrong" },
    });
    await expect(refused).rejects.toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^migrate: .*password authentication failed.*\n$/) as string,
    });
  });
});

describe("a server that does not answer", () => {
  it("is waited for", async () => {
    const database = await prepareDatabase(server, "late");
    let refusals = 3;
    const starting = createServer((socket) => {
      if (refusals > 0) {
        refusals -= 1;
        socket.destroy();
      } else {
        socket.pipe(connect(server.port, "127.0.0.1")).pipe(socket);
      }
    });
    await new Promise<void>((resolve) => starting.listen(0, "127.0.0.1", resolve));
    const { port } = starting.address() as AddressInfo;
    const context = { ...database.context, settings: { ...database.settings, port } };
    expect((await up(context)).changed.length).toBe(6);
    expect(refusals).toBe(0);
    await new Promise((resolve) => starting.close(resolve));
    await database.close();
  });

  it("is named after a bounded time", async () => {
    const database = await prepareDatabase(server, "nobody");
    const settings = { ...database.settings, port: 1 };
    const context = impatient({ ...database.context, settings }, { connectSeconds: 0.3 });
    await expect(up(context)).rejects.toMatchObject({
      exitCode: 3,
      message: expect.stringMatching(
        /127\.0\.0\.1:1\/nobody did not answer within 0\.3 s: .*ECONNREFUSED/,
      ) as string,
    });
    await database.close();
  });
});

/** Waits until a session waits for a lock on the table. */
async function waitForLockRequest(
  client: { query(sql: string, values: unknown[]): Promise<{ rowCount: number | null }> },
  table: string,
): Promise<void> {
  for (;;) {
    const { rowCount } = await client.query(
      "SELECT FROM pg_locks WHERE NOT granted AND relation = to_regclass($1)",
      [table],
    );
    if (rowCount !== 0) return;
  }
}
