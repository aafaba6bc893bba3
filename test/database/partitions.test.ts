import type pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { maintain, prune, up, verify } from "../../scripts/agents/migrate/commands.ts";
import { startPostgres } from "../lib/postgres.ts";
import type { TestPostgres } from "../lib/postgres.ts";
import { impatient } from "./sql-files.ts";
import { prepareDatabase } from "./migrated-database.ts";
import type { PreparedDatabase } from "./migrated-database.ts";

let server: TestPostgres;

beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.stop());

describe("partitions of pool_metrics", () => {
  it("exist for this month and a year more, are made once, and belong to the owner", async () => {
    const database = await prepareDatabase(server, "partitions");
    await up(database.context);
    const writer = await database.connect("writer");
    const partitions = async () => {
      const { rows } = await writer.query<{ name: string; owner: string }>(
        `SELECT inhrelid::regclass::text AS name, relowner::regrole::text AS owner
         FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
         WHERE inhparent = 'pool_metrics'::regclass ORDER BY 1`,
      );
      return rows;
    };
    expect(await partitions()).toEqual(
      monthsFromNow(13).map((month) => ({
        name: `pool_metrics_${month}`,
        owner: "partitions_owner",
      })),
    );
    const ensure = async (months: number) => {
      const { rows } = await writer.query<{ created: number }>(
        "SELECT ensure_partitions($1) AS created",
        [months],
      );
      return rows[0]?.created;
    };
    expect(await ensure(12)).toBe(0);
    expect(await ensure(14)).toBe(2);
    await writer.query(
      "INSERT INTO pool_metrics (pool_name, recorded_at) VALUES ('p', now() + interval '13 months')",
    );
    await expect(writer.query("SELECT ensure_partitions(-1)")).rejects.toMatchObject({
      code: "22023",
    });
    await database.close();
  });

  it("of old months are deleted while others write, also where an earlier attempt was cut short", async () => {
    const database = await prepareDatabase(server, "prune");
    const context = impatient(database.context, { tableLockMilliseconds: 300 });
    await up(context);
    const old = await makeOldMonths(database, 4);
    const writer = await database.connect("writer");
    await writer.query(
      "INSERT INTO pool_metrics (pool_name, recorded_at) VALUES ('p', now() - interval '4 months')",
    );
    const open = await database.connect("reader");
    await open.query("BEGIN; SELECT count(*) FROM pool_metrics");
    const running = prune(context, 2);
    await waitForLockRequest(writer);
    await writer.query("INSERT INTO pool_metrics (pool_name, recorded_at) VALUES ('p', now())");
    await expect(running).rejects.toMatchObject({
      exitCode: 3,
      message: expect.stringContaining(`pool_metrics_${old[0]} is still in use`) as string,
    });
    await open.query("COMMIT");

    const deleted = old.slice(0, 2).map((month) => `pool_metrics_${month}`);
    expect((await prune(context, 2)).changed).toEqual(deleted);
    expect((await prune(context, 2)).changed).toEqual([]);
    const { rows } = await writer.query<{ count: string }>("SELECT count(*) FROM pool_metrics");
    expect(rows).toEqual([{ count: "1" }]);
    expect((await verify(context)).problems).toEqual([]);
    await database.close();
  });

  it("are kept in order by one command while others write, and twice is the same as once", async () => {
    const database = await prepareDatabase(server, "maintained");
    const lines: string[] = [];
    const context = { ...database.context, progress: (line: string) => lines.push(line) };
    await up(context);
    const old = (await makeOldMonths(database, 3)).map((month) => `pool_metrics_${month}`);
    const owner = await database.connect("owner");
    const [last = ""] = monthsFromNow(1, 12);
    await owner.query(`DROP TABLE pool_metrics_${last}`);
    // Whoever reads for long makes the command wait, and nobody may have to wait for the command.
    const reader = await database.connect("reader");
    await reader.query("BEGIN; SELECT count(*) FROM pool_metrics");
    const writer = await database.connect("writer");
    await writer.query("SET lock_timeout = '100ms'");
    lines.length = 0;
    const running = maintain(context, 1);
    await waitForLockRequest(writer);
    for (let number = 0; number < 20; number += 1) {
      await writer.query(
        "INSERT INTO pool_metrics (pool_name, recorded_at) VALUES ('p', clock_timestamp())",
      );
    }
    await writer.query(
      "INSERT INTO pool_metrics (pool_name, recorded_at) VALUES ('p', now() + interval '12 months')",
    );
    await reader.query("COMMIT");
    expect((await running).changed).toEqual(old.slice(0, 2));
    expect(lines).toEqual([
      "made 1 partitions of pool_metrics",
      ...old.slice(0, 2).map((partition) => `deleted ${partition}`),
    ]);
    lines.length = 0;
    expect((await maintain(context, 1)).changed).toEqual([]);
    expect(lines).toEqual([]);
    const { rows } = await writer.query<{ count: string }>("SELECT count(*) FROM pool_metrics");
    expect(rows).toEqual([{ count: "21" }]);
    expect((await verify(context)).problems).toEqual([]);
    await database.close();
  });

  it("are made although the old ones cannot be deleted now", async () => {
    const database = await prepareDatabase(server, "in_the_way");
    const context = impatient(database.context, { tableLockMilliseconds: 100 });
    await up(context);
    const [old = ""] = await makeOldMonths(database, 2);
    const owner = await database.connect("owner");
    const [last = ""] = monthsFromNow(1, 12);
    await owner.query(`DROP TABLE pool_metrics_${last}`);
    const reader = await database.connect("reader");
    await reader.query("BEGIN; SELECT count(*) FROM pool_metrics");
    await expect(maintain(context, 1)).rejects.toMatchObject({
      exitCode: 3,
      message: expect.stringContaining(`pool_metrics_${old} is still in use`) as string,
    });
    await owner.query(`SELECT FROM pool_metrics_${last}`);
    await database.close();
  });

  it("can be detached concurrently, and are missed", async () => {
    const database = await prepareDatabase(server, "detach");
    await up(database.context);
    const owner = await database.connect("owner");
    const [month = ""] = monthsFromNow(1);
    await owner.query(
      `ALTER TABLE pool_metrics DETACH PARTITION pool_metrics_${month} CONCURRENTLY`,
    );
    const { problems } = await verify(database.context);
    expect(problems).toEqual([
      expect.stringContaining(`no partition for ${month.replace("_", "-")}`),
    ]);
    await database.close();
  });
});

/** Makes the partitions of so many months before this one. @returns `YYYY_MM` of each, oldest first */
async function makeOldMonths(database: PreparedDatabase, count: number): Promise<string[]> {
  const owner = await database.connect("owner");
  await owner.query(`SET ROLE ${database.settings.database}_owner`);
  const months = monthsFromNow(count, -count);
  for (const [index, month] of months.entries()) {
    const from = `date_trunc('month', now() AT TIME ZONE 'UTC') - interval '${count - index} months'`;
    await owner.query(`
      DO $$ BEGIN EXECUTE format('CREATE TABLE pool_metrics_${month} PARTITION OF pool_metrics FOR VALUES FROM (%L) TO (%L)',
        (${from}) AT TIME ZONE 'UTC', (${from} + interval '1 month') AT TIME ZONE 'UTC'); END $$`);
  }
  return months;
}

/** `YYYY_MM` of this month and those after it, UTC. */
function monthsFromNow(count: number, first = 0): string[] {
  const now = new Date();
  return Array.from({ length: count }, (_, ahead) =>
    new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + first + ahead))
      .toISOString()
      .slice(0, 7)
      .replace("-", "_"),
  );
}

/** Waits until a session waits for a lock. */
async function waitForLockRequest(client: pg.Client): Promise<void> {
  for (;;) {
    const { rowCount } = await client.query("SELECT FROM pg_locks WHERE NOT granted");
    if (rowCount !== 0) return;
  }
}
