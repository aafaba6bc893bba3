import type pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { prune, up, verify } from "../../scripts/agents/migrate/commands.ts";
import { startPostgres } from "../lib/postgres.ts";
import type { TestPostgres } from "../lib/postgres.ts";
import { impatient } from "./sql-files.ts";
import { prepareDatabase } from "./migrated-database.ts";

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
    const owner = await database.connect("owner");
    await owner.query("SET ROLE prune_owner");
    const old = monthsFromNow(4, -4).slice(0, 4);
    for (const [index, month] of old.entries()) {
      const from = `date_trunc('month', now() AT TIME ZONE 'UTC') - interval '${4 - index} months'`;
      await owner.query(`
        DO $$ BEGIN EXECUTE format('CREATE TABLE pool_metrics_${month} PARTITION OF pool_metrics FOR VALUES FROM (%L) TO (%L)',
          (${from}) AT TIME ZONE 'UTC', (${from} + interval '1 month') AT TIME ZONE 'UTC'); END $$`);
    }
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
