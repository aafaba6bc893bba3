import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { describeResult } from "../../scripts/agents/migrate/description.ts";
import { down, status, up } from "../../scripts/agents/migrate/commands.ts";
import { compareCatalog } from "../../scripts/agents/migrate/catalog.ts";
import type { CatalogComparison } from "../../scripts/agents/migrate/catalog.ts";
import { prepareDatabase } from "./migrated-database.ts";
import type { PreparedDatabase } from "./migrated-database.ts";
import { useOwnServer } from "./own-server.ts";
import { migrationText } from "./sql-files.ts";

const own = useOwnServer();
const { copies } = own;

describe("the catalog", () => {
  let database: PreparedDatabase;
  let superuser: pg.Client;

  beforeAll(async () => {
    database = await prepareDatabase(own.server, "drift");
    await up(database.context);
    superuser = await database.connectAsSuperuser();
    await superuser.query("SET search_path = pool_migration");
  });
  afterAll(() => database.close());

  const compare = async (): Promise<CatalogComparison> => {
    const comparison = await compareCatalog(superuser);
    if (comparison === undefined) throw new Error("nothing is recorded");
    return comparison;
  };

  type Definition = string | undefined;
  const changes: [
    what: string,
    sql: string,
    object: string,
    expected: Definition,
    found: Definition,
  ][] = [
    [
      "a table of somebody else",
      "CREATE TABLE guest (); ALTER TABLE guest OWNER TO drift_owner",
      "table guest",
      undefined,
      "owner drift_owner",
    ],
    [
      "a missing table",
      "DROP TABLE brake_events",
      "table brake_events",
      "owner drift_owner",
      undefined,
    ],
    ["a view", "CREATE VIEW peek AS SELECT 1 AS one", "view peek", undefined, "SELECT 1 AS one"],
    [
      "another owner",
      "ALTER TABLE stage_changes OWNER TO postgres",
      "table stage_changes",
      "owner drift_owner",
      "owner postgres",
    ],
    [
      "a new column",
      "ALTER TABLE stage_changes ADD COLUMN mood text DEFAULT 'fine'",
      "column stage_changes.mood",
      undefined,
      "text DEFAULT 'fine'::text",
    ],
    [
      "a missing column",
      "ALTER TABLE stage_changes DROP COLUMN source",
      "column stage_changes.source",
      "text NOT NULL",
      undefined,
    ],
    [
      "a column that may be null",
      "ALTER TABLE stage_changes ALTER COLUMN who DROP NOT NULL",
      "column stage_changes.who",
      "text NOT NULL",
      "text",
    ],
    [
      "a column of another type",
      "ALTER TABLE migration_status ALTER COLUMN created_at TYPE timestamptz(3)",
      "column migration_status.created_at",
      "timestamp(6) with time zone",
      "timestamp(3) with time zone",
    ],
    [
      "a new index",
      "CREATE INDEX guest ON pool_configurations (active)",
      "index guest",
      undefined,
      "CREATE INDEX guest ON pool_migration.pool_configurations",
    ],
    [
      "a missing index",
      "DROP INDEX migration_status_one_running",
      "index migration_status_one_running",
      "CREATE UNIQUE INDEX migration_status_one_running",
      undefined,
    ],
    [
      "an index that is not valid",
      "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'brake_events_once'::regclass",
      "index brake_events_once",
      "CREATE UNIQUE INDEX brake_events_once",
      "(not valid)",
    ],
    [
      "a missing constraint",
      "ALTER TABLE stage_changes DROP CONSTRAINT stage_changes_origin",
      "constraint stage_changes_origin of stage_changes",
      "CHECK ",
      undefined,
    ],
    [
      "a disabled trigger",
      "ALTER TABLE migration_status DISABLE TRIGGER set_updated_at",
      "trigger set_updated_at of migration_status",
      "CREATE TRIGGER set_updated_at",
      "(D)",
    ],
    [
      "a rule that swallows rows",
      "CREATE RULE swallow AS ON INSERT TO brake_events DO INSTEAD NOTHING",
      "rule swallow of brake_events",
      undefined,
      "DO INSTEAD NOTHING",
    ],
    [
      "a function that does something else",
      `CREATE OR REPLACE FUNCTION set_updated_at() RETURNS trigger LANGUAGE plpgsql AS
       'BEGIN RETURN NEW; END'`,
      "function set_updated_at()",
      "NEW.updated_at := now()",
      "BEGIN RETURN NEW; END",
    ],
    [
      "a privilege on a journal",
      "GRANT UPDATE ON stage_changes TO drift_writer",
      "grant on stage_changes to drift_writer",
      "INSERT, SELECT",
      "INSERT, SELECT, UPDATE",
    ],
    [
      "a privilege that is gone",
      "REVOKE SELECT ON pool_metrics FROM drift_reader",
      "grant on pool_metrics to drift_reader",
      "SELECT",
      undefined,
    ],
    [
      "a privilege on a column",
      "GRANT UPDATE (why) ON stage_changes TO drift_writer",
      "grant on stage_changes.why to drift_writer",
      undefined,
      "UPDATE",
    ],
    [
      "a function for everybody",
      "GRANT EXECUTE ON FUNCTION ensure_partitions(integer) TO PUBLIC",
      "grant on ensure_partitions(integer) to PUBLIC",
      undefined,
      "EXECUTE",
    ],
  ];

  it.each(changes)("names %s", async (_, sql, object, expected, found) => {
    await superuser.query("BEGIN");
    const before = await compare();
    await superuser.query(sql);
    const after = await compare();
    await superuser.query("ROLLBACK");

    expect(before.differences).toEqual([]);
    expect(before.liveFingerprint).toBe(before.recordedFingerprint);
    expect(after.recordedFingerprint).toBe(before.recordedFingerprint);
    expect(after.liveFingerprint).not.toBe(before.liveFingerprint);
    const named = after.differences.find((difference) => difference.object === object);
    expect(after.differences.map((difference) => difference.object)).toContain(object);
    for (const [part, definition] of [
      [expected, named?.expected],
      [found, named?.found],
    ] as const) {
      if (part === undefined) expect(definition).toBeUndefined();
      else expect(definition).toContain(part);
    }
  });
});

describe("a difference", () => {
  it("is shown to the reader, and stays one when further migrations follow", async () => {
    const database = await prepareDatabase(own.server, "stays");
    const directories = await copies.make();
    const context = { ...database.context, directories };
    await up(context);
    const owner = await database.connect("owner");
    await owner.query(
      "SET ROLE stays_owner; ALTER TABLE stage_changes ADD COLUMN mood text; DROP INDEX brake_events_happened_at",
    );
    await writeFile(
      join(directories.migrations, "9008_next.sql"),
      migrationText(
        "ALTER TABLE stage_changes ADD COLUMN next text",
        "ALTER TABLE stage_changes DROP COLUMN next",
      ),
    );
    const settings = { ...context.settings, user: "stays_reader_login" };
    const pending = await status({ ...context, settings });
    expect(pending.migrations.at(-1)).toMatchObject({ name: "9008_next", state: "pending" });
    const differences = [
      { object: "column stage_changes.mood", expected: undefined, found: "text" },
      {
        object: "index brake_events_happened_at",
        expected: expect.stringContaining("CREATE INDEX") as string,
        found: undefined,
      },
    ];
    expect(pending.catalog?.differences).toEqual(differences);
    expect(describeResult(pending)).toMatch(
      /2 objects differ from what the migrations made \(fingerprint \w{12} instead of \w{12}\)\n\+ column stage_changes.mood is of no migration: text\n- index brake_events_happened_at is not there: CREATE INDEX/,
    );

    expect((await up(context)).catalog?.differences).toEqual(differences);
    await owner.query(
      "ALTER TABLE stage_changes DROP COLUMN mood; CREATE INDEX brake_events_happened_at ON brake_events (happened_at DESC)",
    );
    const repaired = await status({ ...context, settings });
    expect(repaired.catalog?.differences).toEqual([]);
    expect(repaired.catalog?.liveFingerprint).toBe(repaired.catalog?.recordedFingerprint);
    expect(describeResult(repaired)).toContain("the tables are as the migrations made them");
    await database.close();
  });

  it("is made by a down part that does not restore what was there", async () => {
    const database = await prepareDatabase(own.server, "half_down");
    const directories = await copies.make();
    const context = { ...database.context, directories };
    await writeFile(
      join(directories.migrations, "9008_two_columns.sql"),
      migrationText(
        "ALTER TABLE stage_changes ADD COLUMN one text, ADD COLUMN two text",
        "ALTER TABLE stage_changes DROP COLUMN one",
      ),
    );
    await up(context);
    await down(context, 1);
    const result = await status(database.context);
    expect(result.catalog?.differences).toEqual([]);
    expect(describeResult(result)).toContain("a down part did not restore what was there before");
    await database.close();
  });

  it("is none where partitions come and go", async () => {
    const database = await prepareDatabase(own.server, "come_and_go");
    await up(database.context);
    const owner = await database.connect("owner");
    await owner.query("SET ROLE come_and_go_owner; SELECT ensure_partitions(24)");
    expect((await status(database.context)).catalog).toMatchObject({ differences: [] });
    await database.close();
  });
});
