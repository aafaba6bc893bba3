import type pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { up, verify } from "../../scripts/agents/migrate/commands.ts";
import { startPostgres } from "../lib/postgres.ts";
import type { TestPostgres } from "../lib/postgres.ts";
import { prepareDatabase } from "./migrated-database.ts";
import type { PreparedDatabase } from "./migrated-database.ts";

let server: TestPostgres;

beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.stop());

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
    ...["attempts", "verdicts"].flatMap((journal): typeof wrongs => [
      [
        `${journal} that can be deleted`,
        `GRANT DELETE ON ${journal} TO wrong_writer`,
        `REVOKE DELETE ON ${journal} FROM wrong_writer`,
        `privileges: wrong_writer may DELETE on ${journal}`,
      ],
      [
        `no ${journal}`,
        `ALTER TABLE ${journal} RENAME TO gone`,
        `ALTER TABLE gone RENAME TO ${journal}`,
        `structure: the table ${journal} does not exist`,
      ],
    ]),
    ...[
      "attempts_pkey",
      "verdicts_writer_sequence",
      "stage_changes_guard_once",
      "migration_status_rollback_once",
    ].map((index): (typeof wrongs)[number] => [
      `no ${index}`,
      `ALTER INDEX ${index} RENAME TO gone`,
      `ALTER INDEX gone RENAME TO ${index}`,
      `structure: the unique index ${index} does not exist or is not valid`,
    ]),
    [
      "a ledger that can be forged",
      "GRANT INSERT ON schema_migration_ledger TO wrong_writer",
      "REVOKE INSERT ON schema_migration_ledger FROM wrong_writer",
      "privileges: wrong_writer may INSERT on schema_migration_ledger",
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
