import type pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { up } from "../../scripts/agents/migrate/commands.ts";
import { startPostgres } from "../lib/postgres.ts";
import type { TestPostgres } from "../lib/postgres.ts";
import { prepareDatabase } from "./migrated-database.ts";
import type { PreparedDatabase } from "./migrated-database.ts";

let server: TestPostgres;

beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.stop());

describe("tables", () => {
  let database: PreparedDatabase;
  let writer: pg.Client;

  beforeAll(async () => {
    database = await prepareDatabase(server, "tables");
    await up(database.context);
    writer = await database.connect("writer");
  });
  afterAll(() => database.close());

  const refused: [why: string, sqlState: string, sql: string][] = [
    [
      "a configuration without a name",
      "23502",
      "INSERT INTO pool_configurations (config) VALUES ('{}')",
    ],
    [
      "a configuration with a blank name",
      "23514",
      "INSERT INTO pool_configurations (name) VALUES (' ')",
    ],
    [
      "a configuration that is no object",
      "23514",
      "INSERT INTO pool_configurations (name, config) VALUES ('a', '[]')",
    ],
    [
      "a configuration with version 0",
      "23514",
      "INSERT INTO pool_configurations (name, version) VALUES ('a', 0)",
    ],
    [
      "the same version of a configuration twice",
      "23505",
      "INSERT INTO pool_configurations (name) VALUES ('twice'), ('twice')",
    ],
    [
      "two active configurations of one pool",
      "23505",
      "INSERT INTO pool_configurations (name, version, active) VALUES ('b', 1, true), ('b', 2, true)",
    ],
    ["a sample without a pool", "23502", "INSERT INTO pool_metrics (recorded_at) VALUES (now())"],
    [
      // Which partition would take it is asked before the column: none does.
      "a sample without a time",
      "23514",
      "INSERT INTO pool_metrics (pool_name) VALUES ('pool-v1')",
    ],
    [
      "a sample that is no object",
      "23514",
      "INSERT INTO pool_metrics (pool_name, recorded_at, metrics) VALUES ('pool-v1', now(), '1')",
    ],
    [
      "a sample of a month without a partition",
      "23514",
      "INSERT INTO pool_metrics (pool_name, recorded_at) VALUES ('pool-v1', now() + interval '2 years')",
    ],
    [
      "two samples of a pool at one instant",
      "23505",
      "INSERT INTO pool_metrics (pool_name, recorded_at) VALUES ('p', now()), ('p', now())",
    ],
    ["a phase without a status", "23502", "INSERT INTO migration_status (phase) VALUES ('deploy')"],
    [
      "a status without a phase",
      "23502",
      "INSERT INTO migration_status (status) VALUES ('pending')",
    ],
    [
      "an unknown status",
      "23514",
      "INSERT INTO migration_status (phase, status) VALUES ('deploy', 'done')",
    ],
    [
      "two running migrations",
      "23505",
      `INSERT INTO migration_status (phase, status, started_at)
       VALUES ('deploy', 'running', now()), ('rollout', 'running', now())`,
    ],
    [
      "a running phase that never started",
      "23514",
      "INSERT INTO migration_status (phase, status) VALUES ('deploy', 'running')",
    ],
    [
      "a completed phase without an end",
      "23514",
      "INSERT INTO migration_status (phase, status, started_at) VALUES ('deploy', 'completed', now())",
    ],
    [
      "a phase that ended before it started",
      "23514",
      `INSERT INTO migration_status (phase, status, started_at, completed_at)
       VALUES ('deploy', 'failed', now(), now() - interval '1 second')`,
    ],
    [
      "101 %",
      "23514",
      `INSERT INTO stage_changes (changed_at, revision, to_stage, to_percentage, who, why, source)
       VALUES (now(), 'r1.0', 'p100', 101, 'a', 'b', 'c')`,
    ],
    [
      "an unknown stage",
      "23514",
      `INSERT INTO stage_changes (changed_at, revision, to_stage, to_percentage, who, why, source)
       VALUES (now(), 'r1.0', 'p0', 0, 'a', 'b', 'c')`,
    ],
    [
      "a stage change without a reason",
      "23502",
      `INSERT INTO stage_changes (changed_at, revision, to_stage, to_percentage, who, source)
       VALUES (now(), 'r1.0', 'p5', 5, 'a', 'c')`,
    ],
    [
      "an unknown action of the brake",
      "23514",
      `INSERT INTO brake_events (happened_at, action, engagement_id, who, why, source)
       VALUES (now(), 'pulled', '20260101T000000Z-abcdef', 'a', 'b', 'c')`,
    ],
    [
      "an engagement that begins twice",
      "23505",
      `INSERT INTO brake_events (happened_at, action, engagement_id, who, why, source)
       VALUES (now(), 'engaged', 'x-1', 'a', 'b', 'c'), (now(), 'engaged', 'x-1', 'a', 'b', 'c')`,
    ],
  ];

  it.each(refused)("refuse %s", async (_, sqlState, sql) => {
    await expect(writer.query(sql)).rejects.toMatchObject({ code: sqlState });
  });

  const accepted: [what: string, sql: string][] = [
    [
      "several versions, one of them active",
      "INSERT INTO pool_configurations (name, version, active) VALUES ('c', 1, false), ('c', 2, true)",
    ],
    [
      "active configurations of several pools",
      "INSERT INTO pool_configurations (name, active) VALUES ('d', true), ('e', true)",
    ],
    [
      "several ended migrations beside a running one",
      `INSERT INTO migration_status (phase, status, started_at, completed_at)
       VALUES ('deploy', 'completed', now(), now()), ('deploy', 'failed', now(), now()), ('deploy', 'running', now(), NULL)`,
    ],
    [
      "an engagement without an id that comes back",
      `INSERT INTO brake_events (happened_at, action, engagement_id, who, why, source)
       VALUES (now(), 'engaged', 'anonymous', 'a', 'b', 'c'), (now(), 'engaged', 'anonymous', 'a', 'b', 'c')`,
    ],
  ];

  it.each(accepted)("accept %s", async (_, sql) => {
    await writer.query("BEGIN");
    await writer.query(sql);
    await writer.query("ROLLBACK");
  });

  it("give a configuration version 2, inactive, empty", async () => {
    const { rows } = await writer.query(
      "INSERT INTO pool_configurations (name) VALUES ('defaults') RETURNING version, active, config",
    );
    expect(rows).toEqual([{ version: 2, active: false, config: {} }]);
  });

  it("keep microseconds", async () => {
    const { rows } = await writer.query<{ kept: string }>(
      `INSERT INTO pool_metrics (pool_name, recorded_at)
       VALUES ('microseconds', date_trunc('month', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' + interval '0.000001 second')
       RETURNING to_char(recorded_at, 'US') AS kept`,
    );
    expect(rows[0]?.kept).toBe("000001");
  });

  it("renew updated_at when a row changes", async () => {
    await writer.query("INSERT INTO pool_configurations (name) VALUES ('renewed')");
    const { rows } = await writer.query<{ later: boolean }>(
      `UPDATE pool_configurations SET active = true WHERE name = 'renewed'
       RETURNING updated_at > created_at AS later`,
    );
    expect(rows[0]?.later).toBe(true);
  });

  it.each([
    "stage_changes",
    "brake_events",
    "attempts",
    "verdicts",
    "pool_metrics",
    "schema_migration_ledger",
  ])("let the writer neither change nor delete rows of the journal %s", async (journal) => {
    const insufficientPrivilege = { code: "42501" };
    const column = journal === "schema_migration_ledger" ? "applied_at" : "created_at";
    await expect(writer.query(`UPDATE ${journal} SET ${column} = now()`)).rejects.toMatchObject(
      insufficientPrivilege,
    );
    await expect(writer.query(`DELETE FROM ${journal}`)).rejects.toMatchObject(
      insufficientPrivilege,
    );
    await expect(writer.query(`TRUNCATE ${journal}`)).rejects.toMatchObject(insufficientPrivilege);
  });

  it.each([
    "INSERT INTO schema_migration_ledger VALUES ('9009_forged', repeat('0', 64), now(), 0, 'writer')",
    "INSERT INTO schema_migrations (name, run_on) VALUES ('9009_forged', now())",
  ])("let the writer record no migration: %s", async (sql) => {
    await expect(writer.query(sql)).rejects.toMatchObject({ code: "42501" });
  });

  it("let the reader read and nothing else", async () => {
    const reader = await database.connect("reader");
    await reader.query("SELECT FROM stage_changes, migration_status, pool_metrics LIMIT 1");
    await expect(
      reader.query("INSERT INTO pool_configurations (name) VALUES ('r')"),
    ).rejects.toMatchObject({ code: "42501" });
    await expect(reader.query("SELECT ensure_partitions(3)")).rejects.toMatchObject({
      code: "42501",
    });
  });

  it("find the newest samples of a pool and the running migration by index", async () => {
    const owner = await database.connect("owner");
    await owner.query("SET enable_seqscan = off");
    const plan = async (sql: string) => {
      const { rows } = await owner.query<{ "QUERY PLAN": string }>(`EXPLAIN ${sql}`);
      return rows.map((row) => row["QUERY PLAN"]).join("\n");
    };
    expect(
      await plan(
        "SELECT metrics FROM pool_metrics WHERE pool_name = 'pool-v1' ORDER BY recorded_at DESC LIMIT 1",
      ),
    ).toContain("Index Scan");
    expect(
      await plan("SELECT id FROM migration_status WHERE status = 'failed' AND phase = 'deploy'"),
    ).toContain("migration_status_lookup");
  });
});
