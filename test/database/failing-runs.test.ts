import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { writeFile } from "node:fs/promises";
import { createServer, connect } from "node:net";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { up } from "../../scripts/agents/migrate/commands.ts";
import { prepareDatabase } from "./migrated-database.ts";
import { useOwnServer } from "./own-server.ts";
import { appliedNames, impatient, migrationNames, migrationText } from "./sql-files.ts";

const own = useOwnServer();
const { copies } = own;

describe("two runs at once", () => {
  it("share the work: one does it, the other waits and finds it done", async () => {
    const database = await prepareDatabase(own.server, "at_once");
    const results = await Promise.all([up(database.context), up(database.context)]);
    const changed = results.map((result) => result.changed.length).sort();
    expect(changed).toEqual([0, migrationNames.length]);
    expect(results.map(({ problems }) => problems)).toEqual([[], []]);
    await database.close();
  });

  it("name the session that does not end", async () => {
    const database = await prepareDatabase(own.server, "hung");
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
    expect(await appliedNames(database.context)).toEqual([]);
    await database.close();
  });
});

describe("a table that somebody else has locked", () => {
  it("lets the others pass between the attempts and is migrated when it is free", async () => {
    const database = await prepareDatabase(own.server, "locked_a_while");
    const copy = await copies.make();
    await up({ ...database.context, directories: copy });
    await writeFile(
      join(copy.migrations, "9008_column.sql"),
      migrationText(
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
    expect((await run).changed).toEqual(["9008_column"]);
    await database.close();
  });

  it("fails with the name of the session that holds it, and leaves nothing half done", async () => {
    const database = await prepareDatabase(own.server, "locked_for_good");
    const copy = await copies.make();
    await up({ ...database.context, directories: copy });
    await writeFile(
      join(copy.migrations, "9008_columns.sql"),
      migrationText(
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
    expect((await up(context)).changed).toEqual(["9008_columns"]);
    await database.close();
  });
});

describe("a run that dies", () => {
  it("leaves whole migrations behind, each in the ledger, and the next run goes on", async () => {
    const database = await prepareDatabase(own.server, "dies");
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
    expect(rows.length).toBeLessThan(migrationNames.length);
    for (const { ran, recorded } of rows) expect(recorded).toBe(ran);

    const result = await up(database.context);
    expect(result.changed.length).toBe(migrationNames.length - rows.length);
    expect(result.problems).toEqual([]);
    await database.close();
  });

  it("by SIGKILL between two files leaves the first and nothing of the second", async () => {
    const database = await prepareDatabase(own.server, "killed");
    const superuser = await database.connectAsSuperuser();
    // Holds the run at the first statement of the third file.
    await superuser.query(`
      CREATE FUNCTION public.hold() RETURNS event_trigger LANGUAGE plpgsql AS $$
      BEGIN
        IF to_regclass('pool_migration.pool_configurations') IS NULL THEN RETURN; END IF;
        IF (SELECT count(*) FROM pool_migration.schema_migration_ledger) < 2 THEN RETURN; END IF;
        PERFORM pg_advisory_lock(1);
      END $$;
      CREATE EVENT TRIGGER hold ON ddl_command_start EXECUTE FUNCTION public.hold();
      SELECT pg_advisory_lock(1)`);
    const { host, port, user, password } = database.settings;
    const child = spawn(
      process.execPath,
      [join(import.meta.dirname, "../../scripts/agents/migrate.ts"), "up"],
      {
        stdio: ["ignore", "ignore", "pipe"],
        env: {
          PGHOST: host,
          PGPORT: String(port),
          PGDATABASE: "killed",
          PGUSER: user,
          PGPASSWORD: password,
          PGSSLMODE: "disable",
        },
      },
    );
    const ended = once(child, "exit");
    for await (const line of createInterface({ input: child.stderr })) {
      if (line === `applied ${migrationNames[1]}`) child.kill("SIGKILL");
    }
    expect(await ended).toEqual([null, "SIGKILL"]);
    await superuser.query("SELECT pg_advisory_unlock(1); DROP EVENT TRIGGER hold");

    expect(await appliedNames(database.context)).toEqual(migrationNames.slice(0, 2));
    const next = await up(database.context);
    expect(next.changed).toEqual(migrationNames.slice(2));
    expect(next.problems).toEqual([]);
    await database.close();
  });

  it("keeps the migrations before the one that fails", async () => {
    const database = await prepareDatabase(own.server, "fails");
    const copy = await copies.make();
    await writeFile(
      join(copy.migrations, "9008_wrong.sql"),
      migrationText("CREATE TABLE half (); SELECT 1 / 0", "DROP TABLE half"),
    );
    await expect(up({ ...database.context, directories: copy })).rejects.toMatchObject({
      exitCode: 3,
      message: "9008_wrong.sql (up) failed and was rolled back: division by zero (SQLSTATE 22012)",
    });
    expect((await appliedNames(database.context)).length).toBe(migrationNames.length);
    const owner = await database.connect("owner");
    await expect(owner.query("SELECT FROM half")).rejects.toMatchObject({ code: "42P01" });
    await database.close();
  });
});

describe("a server that does not answer", () => {
  it("is waited for", async () => {
    const database = await prepareDatabase(own.server, "late");
    let refusals = 3;
    const starting = createServer((socket) => {
      if (refusals > 0) {
        refusals -= 1;
        socket.destroy();
      } else {
        socket.pipe(connect(own.server.port, "127.0.0.1")).pipe(socket);
      }
    });
    await new Promise<void>((resolve) => starting.listen(0, "127.0.0.1", resolve));
    const { port } = starting.address() as AddressInfo;
    const context = { ...database.context, settings: { ...database.settings, port } };
    expect((await up(context)).changed.length).toBe(migrationNames.length);
    expect(refusals).toBe(0);
    await new Promise((resolve) => starting.close(resolve));
    await database.close();
  });

  it("is named after a bounded time", async () => {
    const database = await prepareDatabase(own.server, "nobody");
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
