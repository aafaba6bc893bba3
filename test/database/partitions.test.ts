import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { up, verify } from "../../scripts/agents/migrate/commands.ts";
import { startPostgres } from "../lib/postgres.ts";
import type { TestPostgres } from "../lib/postgres.ts";
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
function monthsFromNow(count: number): string[] {
  const now = new Date();
  return Array.from({ length: count }, (_, ahead) =>
    new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + ahead))
      .toISOString()
      .slice(0, 7)
      .replace("-", "_"),
  );
}
