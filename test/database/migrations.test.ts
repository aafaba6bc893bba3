import type pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { down, up, verify } from "../../scripts/agents/migrate/commands.ts";
import { startPostgres } from "../lib/postgres.ts";
import type { TestPostgres } from "../lib/postgres.ts";
import { catalogFingerprint } from "./catalog-fingerprint.ts";
import { prepareDatabase } from "./migrated-database.ts";
import type { PreparedDatabase } from "./migrated-database.ts";

let server: TestPostgres;

beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.stop());

const names = [
  "0001_schema_migration_ledger",
  "0002_pool_configurations",
  "0003_pool_metrics",
  "0004_migration_status",
  "0005_stage_changes",
  "0006_brake_events",
];

describe("migrations", () => {
  it("go up, down to nothing and up to the same tables again", async () => {
    const database = await prepareDatabase(server, "round_trip");
    const owner = await database.connect("owner");
    const first = await up(database.context);
    expect(first.changed).toEqual(names);
    expect(first.problems).toEqual([]);
    const fingerprint = await catalogFingerprint(owner);

    const reverted = await down(database.context, names.length);
    expect(reverted.changed).toEqual(names.toReversed());
    const { rows } = await owner.query<{ name: string }>(
      `SELECT relname AS name FROM pg_class
       WHERE relnamespace = 'pool_migration'::regnamespace AND relkind IN ('r', 'p', 'f', 'v')
       UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'pool_migration'::regnamespace`,
    );
    expect(rows.map(({ name }) => name)).toEqual(["schema_migrations"]);

    expect((await up(database.context)).changed).toEqual(names);
    expect(await catalogFingerprint(owner)).toBe(fingerprint);
    await owner.query("ALTER TABLE stage_changes ADD COLUMN added text");
    expect(await catalogFingerprint(owner)).not.toBe(fingerprint);
    await database.close();
  });

  it("revert one by one, each to the tables that were before it", async () => {
    const database = await prepareDatabase(server, "one_by_one");
    const owner = await database.connect("owner");
    await up(database.context);
    for (const name of names.slice(1).toReversed()) {
      const before = await catalogFingerprint(owner);
      expect((await down(database.context, 1)).changed).toEqual([name]);
      expect(await catalogFingerprint(owner)).not.toBe(before);
    }
    expect((await up(database.context)).changed).toEqual(names.slice(1));
    await database.close();
  });

  it("change nothing the second time", async () => {
    const database = await prepareDatabase(server, "second_time");
    const owner = await database.connect("owner");
    const first = await up(database.context);
    const fingerprint = await catalogFingerprint(owner);
    const second = await up(database.context);
    expect(second.changed).toEqual([]);
    expect(second.migrations).toEqual(first.migrations);
    expect(await catalogFingerprint(owner)).toBe(fingerprint);
    await database.close();
  });
});

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
      "INSERT INTO pool_metrics (pool_name, recorded_at) VALUES ('pool-v1', now() + interval '1 year')",
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

  it.each(["stage_changes", "brake_events", "pool_metrics", "schema_migration_ledger"])(
    "let the writer neither change nor delete rows of the journal %s",
    async (journal) => {
      const insufficientPrivilege = { code: "42501" };
      const column = journal === "schema_migration_ledger" ? "applied_at" : "created_at";
      await expect(writer.query(`UPDATE ${journal} SET ${column} = now()`)).rejects.toMatchObject(
        insufficientPrivilege,
      );
      await expect(writer.query(`DELETE FROM ${journal}`)).rejects.toMatchObject(
        insufficientPrivilege,
      );
      await expect(writer.query(`TRUNCATE ${journal}`)).rejects.toMatchObject(
        insufficientPrivilege,
      );
    },
  );

  it.each([
    "INSERT INTO schema_migration_ledger VALUES ('0009_forged', repeat('0', 64), now(), 0, 'writer')",
    "INSERT INTO schema_migrations (name, run_on) VALUES ('0009_forged', now())",
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

describe("partitions of pool_metrics", () => {
  it("exist for this month and three more, are made once, and belong to the owner", async () => {
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
      monthsFromNow(4).map((month) => ({
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
    expect(await ensure(3)).toBe(0);
    expect(await ensure(5)).toBe(2);
    await writer.query(
      "INSERT INTO pool_metrics (pool_name, recorded_at) VALUES ('p', now() + interval '4 months')",
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

describe("verify queries", () => {
  let database: PreparedDatabase;
  let superuser: pg.Client;

  beforeAll(async () => {
    database = await prepareDatabase(server, "wrong");
    await up(database.context);
    superuser = await database.connectAsSuperuser();
    await superuser.query("SET search_path = pool_migration");
  });
  afterAll(() => database.close());

  const wrongs: [what: string, sql: string, undo: string, problem: string][] = [
    [
      "a missing index",
      "ALTER INDEX migration_status_one_running RENAME TO gone",
      "ALTER INDEX gone RENAME TO migration_status_one_running",
      "structure: the unique index migration_status_one_running does not exist or is not valid",
    ],
    [
      "a missing table",
      "ALTER TABLE schema_migration_ledger RENAME TO gone",
      "ALTER TABLE gone RENAME TO schema_migration_ledger",
      "structure: the table schema_migration_ledger does not exist",
    ],
    [
      "a constraint that was not validated",
      "ALTER TABLE stage_changes ADD CONSTRAINT later CHECK (id > 0) NOT VALID",
      "ALTER TABLE stage_changes DROP CONSTRAINT later",
      "structure: the constraint later of stage_changes is not validated",
    ],
    [
      "a journal that can be changed",
      "GRANT UPDATE ON stage_changes TO wrong_writer",
      "REVOKE UPDATE ON stage_changes FROM wrong_writer",
      "privileges: wrong_writer may UPDATE on stage_changes",
    ],
    [
      "a journal that cannot be written",
      "REVOKE INSERT ON brake_events FROM wrong_writer",
      "GRANT INSERT ON brake_events TO wrong_writer",
      "privileges: wrong_writer may not INSERT on brake_events",
    ],
    [
      "a status that cannot be changed",
      "REVOKE UPDATE ON migration_status FROM wrong_writer",
      "GRANT UPDATE ON migration_status TO wrong_writer",
      "privileges: wrong_writer may not UPDATE on migration_status",
    ],
    [
      "a table of somebody else",
      "CREATE TABLE foreign_table ()",
      "DROP TABLE foreign_table",
      "privileges: foreign_table belongs to postgres instead of wrong_owner",
    ],
    [
      "a default partition",
      "SET ROLE wrong_owner; CREATE TABLE rest PARTITION OF pool_metrics DEFAULT; RESET ROLE",
      "DROP TABLE rest",
      "partitions: pool_metrics has the default partition rest",
    ],
  ];

  it.each(wrongs)("find %s", async (_, sql, undo, problem) => {
    expect((await verify(database.context)).problems).toEqual([]);
    await superuser.query(sql);
    const { problems } = await verify(database.context);
    await superuser.query(undo);
    expect(problems).toEqual([problem]);
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
