import type pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { up } from "../../scripts/agents/migrate/commands.ts";
import { startPostgres } from "../lib/postgres.ts";
import type { TestPostgres } from "../lib/postgres.ts";
import { prepareDatabase } from "./migrated-database.ts";
import type { PreparedDatabase } from "./migrated-database.ts";

let server: TestPostgres;
let database: PreparedDatabase;
let writer: pg.Client;

beforeAll(async () => {
  server = await startPostgres();
  database = await prepareDatabase(server, "verdicts");
  await up(database.context);
  writer = await database.connect("writer");
});
afterAll(async () => {
  await database.close();
  await server.stop();
});

/** A row that is accepted, but for what is said otherwise; values in SQL. */
const attempt = (changes: Record<string, string> = {}) =>
  insertion("attempts", {
    version: "1",
    name: "'20260101T000000Z'",
    since: "now()",
    why: "'w'",
    build: "'b'",
    slow_milliseconds: "250",
    who: "'g'",
    record: "'{}'",
    ...changes,
  });
const verdict = (changes: Record<string, string> = {}) =>
  insertion("verdicts", {
    writer: "'g'",
    sequence: "1",
    attempt: "'20260101T000000Z'",
    evaluated_at: "now()",
    kind: "'hold'",
    severity: "'healthy'",
    page: "false",
    stage: "'p5'",
    percentage: "5",
    reasons: "'[]'",
    evidence_row: "'{}'",
    verdict: "'{}'",
    start: "NULL",
    cursors: "'{}'",
    sessions: "''",
    ...changes,
  });

describe("the tables of the guard's journal", () => {
  const refused: [why: string, sqlState: string, sql: string][] = [
    ["an attempt with a name that is none", "23514", attempt({ name: "'1'" })],
    ["an attempt with a negative version", "23514", attempt({ version: "-1" })],
    ["an attempt without a reason", "23514", attempt({ why: "''" })],
    ["an attempt of nobody", "23514", attempt({ who: "' '" })],
    ["an attempt with a threshold of 0", "23514", attempt({ slow_milliseconds: "0" })],
    ["an attempt that is no object", "23514", attempt({ record: "'[]'" })],
    ["an attempt without a begin", "23502", attempt({ since: "NULL" })],
    ["a version of an attempt twice", "23505", `${attempt()}; ${attempt()}`],
    ["a verdict of nobody", "23514", verdict({ writer: "''" })],
    ["a verdict before the first", "23514", verdict({ sequence: "0" })],
    ["a verdict of no attempt", "23514", verdict({ attempt: "'1'" })],
    ["a verdict without a time", "23502", verdict({ evaluated_at: "NULL" })],
    ["an unknown kind of verdict", "23514", verdict({ kind: "'maybe'" })],
    ["an unknown severity", "23514", verdict({ severity: "'bad'" })],
    ["a verdict at an unknown stage", "23514", verdict({ stage: "'p0'" })],
    ["a verdict at 101 %", "23514", verdict({ percentage: "101" })],
    ["reasons that are no list", "23514", verdict({ reasons: "'{}'" })],
    ["evidence that is no object", "23514", verdict({ evidence_row: "'1'" })],
    ["evidence that is no JSON", "22P02", verdict({ evidence_row: "'{'" })],
    ["a verdict that is no object", "23514", verdict({ verdict: "'null'" })],
    ["a start that is no object", "23514", verdict({ start: "'null'" })],
    ["cursors that are no object", "23514", verdict({ cursors: "'[]'" })],
    ["half a session event", "23514", verdict({ sessions: "'\\x0102'" })],
    ["a verdict without sessions", "23502", verdict({ sessions: "NULL" })],
    ["a place in a chain twice", "23505", `${verdict()}; ${verdict()}`],
    [
      "a revision that a guard records twice",
      "23505",
      `INSERT INTO stage_changes (changed_at, revision, to_stage, to_percentage, who, why, source)
       VALUES (now(), 'r7.0', 'p5', 5, 'a', 'b', 'guard'), (now(), 'r7.0', 'p5', 5, 'a', 'b', 'guard')`,
    ],
    [
      "the rollback of an engagement twice",
      "23505",
      `INSERT INTO migration_status (phase, status, started_at, completed_at, metadata)
       SELECT 'rollback', 'completed', now(), now(), '{"engagement": "x-1"}' FROM generate_series(1, 2)`,
    ],
  ];

  it.each(refused)("refuse %s", async (_, sqlState, sql) => {
    await expect(writer.query(sql)).rejects.toMatchObject({ code: sqlState });
  });

  const accepted: [what: string, sql: string][] = [
    [
      "versions of an attempt, and one without a threshold",
      `${attempt()}; ${attempt({ version: "2", slow_milliseconds: "NULL" })}`,
    ],
    [
      "chains of several writers, and every kind of verdict",
      ["rollback", "unknown", "hold", "pass"]
        .map((kind) => verdict({ writer: `'${kind}'`, kind: `'${kind}'`, start: "'{}'" }))
        .join(";"),
    ],
    [
      "a revision that others recorded too, and rollbacks without an engagement",
      `INSERT INTO stage_changes (changed_at, revision, to_stage, to_percentage, who, why, source)
       VALUES (now(), 'r8.0', 'p5', 5, 'a', 'b', 'guard'), (now(), 'r8.0', 'p5', 5, 'a', 'b', 'advance'),
              (now(), 'r8.0', 'p5', 5, 'a', 'b', 'advance');
       INSERT INTO migration_status (phase, status, started_at, completed_at)
       SELECT 'rollback', 'completed', now(), now() FROM generate_series(1, 2)`,
    ],
  ];

  it.each(accepted)("accept %s", async (_, sql) => {
    await writer.query("BEGIN");
    await writer.query(sql);
    await writer.query("ROLLBACK");
  });

  it("give a verdict's JSON back as it came, and let no two keys become one", async () => {
    const text = '{"b": 1.10, "a": 1e-7, "a": "\\u00e9", "10": -0.0}';
    await writer.query("BEGIN");
    await writer.query(verdict({ evidence_row: `'${text}'`, verdict: `'${text}'` }));
    const { rows } = await writer.query("SELECT evidence_row::text, verdict::text FROM verdicts");
    expect(rows).toEqual([{ evidence_row: text, verdict: text }]);
    await writer.query("ROLLBACK");
  });

  it("find what is asked for by index, in its order", async () => {
    const owner = await database.connect("owner");
    await owner.query("SET enable_seqscan = off");
    const found: [sql: string, index: string][] = [
      ["ORDER BY evaluated_at DESC, id DESC LIMIT 1", "verdicts_evaluated_at"],
      [
        "WHERE attempt = 'a' ORDER BY evaluated_at DESC, id DESC LIMIT 1",
        "verdicts_newest_of_attempt",
      ],
      ["WHERE attempt = 'a' AND id > 7 ORDER BY id LIMIT 9", "verdicts_of_attempt"],
      [
        "WHERE attempt = 'a' AND sequence = 1 ORDER BY evaluated_at DESC, id DESC LIMIT 1",
        "verdicts_first_of_chain",
      ],
      ["WHERE writer = 'w' AND sequence > 7 ORDER BY sequence LIMIT 9", "verdicts_writer_sequence"],
    ];
    for (const [sql, index] of found) {
      const { rows } = await owner.query<{ "QUERY PLAN": string }>(
        `EXPLAIN SELECT sessions FROM verdicts ${sql}`,
      );
      const steps = rows.map((row) => row["QUERY PLAN"]).join("\n");
      expect(steps).toContain(index);
      expect(steps).not.toContain("Sort");
    }
  });
});

function insertion(table: string, values: Record<string, string>): string {
  return `INSERT INTO ${table} (${Object.keys(values).join(", ")}) VALUES (${Object.values(values).join(", ")})`;
}
