import type pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { beginAttempt } from "../../../infra/rollout/evidence/attempt.ts";
import type { JournalEntry } from "../../../infra/rollout/journal-entry.ts";
import { writeEntries } from "../../../scripts/agents/guard/journal/writer.ts";
import type { PreparedDatabase } from "../../database/migrated-database.ts";
import { startPostgres } from "../../lib/postgres.ts";
import type { TestPostgres } from "../../lib/postgres.ts";
import { attemptName, brakeEntry, chainOf, eventsOf, migratedDatabase } from "./journal-fixture.ts";

let server: TestPostgres;
let database: PreparedDatabase;
let writer: pg.Client;

beforeAll(async () => {
  server = await startPostgres();
  database = await migratedDatabase(server, "written");
  writer = await database.connect("writer");
});
afterAll(async () => {
  await database.close();
  await server.stop();
});

/** What the entries become, recorded twice. */
async function recorded(table: string, entries: readonly JournalEntry[]): Promise<unknown[]> {
  for (let time = 0; time < 2; time += 1) expect(await writeEntries(writer, entries)).toEqual([]);
  const { rows } = await writer.query<Record<string, unknown>>(
    `SELECT to_jsonb(${table}) - 'id' - 'created_at' - 'updated_at' AS row FROM ${table} ORDER BY created_at`,
  );
  return rows.map(({ row }) => row);
}

const now = Date.UTC(2026, 0, 1, 12, 0, 0, 250);
const instant = "2026-01-01T12:00:00.25+00:00";

describe("an entry is recorded once, however often it is written", () => {
  it("verdict: with everything, bit for bit", async () => {
    const [first, second] = chainOf({ writer: "a 1", verdicts: 2, firstSession: 7 });
    if (first === undefined || second === undefined) throw new Error("a chain has two");
    for (let time = 0; time < 2; time += 1) {
      expect(await writeEntries(writer, [first, second])).toEqual([]);
    }
    // As text: the driver would read the value, and lose the order of the keys.
    const { rows } = await writer.query(
      `SELECT writer, sequence::integer, attempt, evaluated_at, kind, severity, page, stage, percentage, reasons,
              evidence_row::text, verdict::text, start::text, cursors::text, encode(sessions, 'base64') AS sessions
       FROM verdicts ORDER BY id`,
    );
    expect(rows).toEqual(
      [first, second].map(({ row, verdict, start, cursors, sequence, sessions }) => ({
        writer: "a 1",
        sequence,
        attempt: attemptName,
        evaluated_at: new Date(row.at),
        kind: verdict.kind,
        severity: verdict.severity,
        page: verdict.page,
        stage: row.stage.name,
        percentage: row.stage.percentage,
        reasons: verdict.reasons,
        evidence_row: JSON.stringify(row),
        verdict: JSON.stringify(verdict),
        start: start === null ? null : JSON.stringify(start),
        cursors: JSON.stringify(cursors),
        sessions,
      })),
    );
    expect(first.sessions).toBe(eventsOf(7n));
    expect([first.start === null, second.start]).toEqual([false, null]);
  });

  it("attempt: each version", async () => {
    const attempt = beginAttempt({ at: now, why: "a release", build: "b", slowMilliseconds: null });
    const frozen = { ...attempt, version: attempt.version + 1, slowMilliseconds: 250 };
    const entry = (which: typeof attempt) =>
      ({ kind: "attempt", attempt: which, who: "guard-1" }) as const;
    const row = {
      name: "20260101T120000Z",
      since: instant,
      why: "a release",
      build: "b",
      who: "guard-1",
    };
    expect(await recorded("attempts", [entry(attempt), entry(frozen)])).toEqual([
      { ...row, version: attempt.version, slow_milliseconds: null, record: attempt },
      { ...row, version: frozen.version, slow_milliseconds: 250, record: frozen },
    ]);
  });

  it("metrics: a sample of the pool", async () => {
    const at = Date.now();
    const sample = {
      kind: "metrics",
      pool: "v2",
      at,
      metrics: { p99: 12.5, workers: null },
    } as const;
    expect(await recorded("pool_metrics", [sample])).toEqual([
      {
        pool_name: "pool-v2",
        recorded_at: expect.stringMatching(/^\d{4}-/) as string,
        metrics: { p99: 12.5, workers: null },
      },
    ]);
    const { rows } = await writer.query<{ recorded_at: Date }>(
      "SELECT recorded_at FROM pool_metrics",
    );
    expect(rows[0]?.recorded_at.getTime()).toBe(at);
  });

  it("stage: each revision, seen by whatever guard", async () => {
    const seen = {
      kind: "stage",
      at: now,
      revision: "r17.0",
      from: null,
      to: { stage: "p10", percentage: 10 },
      who: "pulumi",
      why: "seen",
    } as const;
    const again = { ...seen, at: now + 1, from: { stage: "p5", percentage: 5 } };
    const next = { ...again, revision: "r18.0" };
    await writer.query(
      `INSERT INTO stage_changes (changed_at, revision, to_stage, to_percentage, who, why, source)
       VALUES (now(), 'r17.0', 'p10', 10, 'somebody', 'a step', 'advance')`,
    );
    const byGuard = {
      changed_at: instant,
      revision: "r17.0",
      from_stage: null,
      from_percentage: null,
      to_stage: "p10",
      to_percentage: 10,
      who: "pulumi",
      why: "seen",
      source: "guard",
      details: {},
    };
    const rows = await recorded("stage_changes", [seen, again, next]);
    expect(rows.slice(1)).toEqual([
      byGuard,
      {
        ...byGuard,
        changed_at: "2026-01-01T12:00:00.251+00:00",
        revision: "r18.0",
        from_stage: "p5",
        from_percentage: 5,
      },
    ]);
  });

  it("brake: each engagement and release, and those without an id by their time", async () => {
    const engaged = brakeEntry("x-1");
    if (engaged.kind !== "brake") throw new Error("it is one");
    const later = { ...engaged, at: engaged.at + 1000 };
    const released = { ...later, action: "released" } as const;
    const anonymous = (at: number) => ({ ...engaged, id: "anonymous", at });
    const rows = await recorded("brake_events", [
      engaged,
      later,
      released,
      anonymous(1000),
      anonymous(1000),
      anonymous(2000),
      { ...anonymous(2000), action: "released" },
    ]);
    expect(rows).toMatchObject([
      {
        engagement_id: "x-1",
        action: "engaged",
        happened_at: "2026-01-01T00:00:00+00:00",
        who: "tester",
        why: "a test",
        source: "cli",
      },
      { engagement_id: "x-1", action: "released" },
      { engagement_id: "anonymous", action: "engaged", happened_at: "1970-01-01T00:00:01+00:00" },
      { engagement_id: "anonymous", action: "engaged", happened_at: "1970-01-01T00:00:02+00:00" },
      { engagement_id: "anonymous", action: "released" },
    ]);
  });

  it("rollback: each engagement, although the clocks of guards differ", async () => {
    const rollback = {
      kind: "rollback",
      engagement: "x-2",
      attempt: attemptName,
      decidedAt: now,
      zeroAt: now + 500,
      drainedAt: now + 2000,
      reasons: ["V2 fails"],
    } as const;
    const early = { ...rollback, engagement: "x-3", drainedAt: now - 50 };
    const later = { ...rollback, drainedAt: now + 9000 };
    const row = {
      phase: "rollback",
      status: "completed",
      started_at: instant,
      completed_at: "2026-01-01T12:00:02.25+00:00",
      metadata: {
        engagement: "x-2",
        attempt: attemptName,
        zeroAt: "2026-01-01T12:00:00.750Z",
        reasons: ["V2 fails"],
      },
    };
    expect(await recorded("migration_status", [rollback, later, early])).toEqual([
      row,
      { ...row, completed_at: instant, metadata: { ...row.metadata, engagement: "x-3" } },
    ]);
  });
});

describe("an entry that is refused for good", () => {
  it("is named with the database's words, and those beside it are recorded in order", async () => {
    const count = async () => (await writer.query("SELECT FROM brake_events")).rowCount ?? 0;
    const before = await count();
    const [broken] = chainOf({ writer: "b", verdicts: 1 });
    if (broken === undefined) throw new Error("a chain has one");
    const refusals = await writeEntries(writer, [
      brakeEntry("y-1"),
      brakeEntry("y-2", " "),
      { ...broken, attempt: "no name", row: { ...broken.row, attempt: "no name" } } as JournalEntry,
      brakeEntry("y-3", "a \u0000 in a text"),
      { ...broken, row: undefined } as unknown as JournalEntry,
      { kind: "metrics", pool: "v1", at: now + 10 * 366 * 24 * 3_600_000, metrics: {} },
      brakeEntry("y-4"),
    ]);
    expect(refusals).toEqual([
      { kind: "verdict", message: expect.stringContaining("undefined") as string },
      { kind: "brake", message: expect.stringContaining("brake_events_why_check") as string },
      { kind: "verdict", message: expect.stringContaining("verdicts_attempt_check") as string },
      { kind: "brake", message: expect.stringContaining("invalid byte sequence") as string },
      { kind: "metrics", message: expect.stringContaining("no partition") as string },
    ]);
    expect(await count()).toBe(before + 2);
  });

  it("is not what the database cannot take now: then nothing is recorded", async () => {
    const superuser = await database.connectAsSuperuser();
    await superuser.query("REVOKE INSERT ON pool_migration.attempts FROM written_writer");
    const attempt = beginAttempt({ at: 0, why: "w", build: "b", slowMilliseconds: null });
    await expect(
      writeEntries(writer, [brakeEntry("z-1"), { kind: "attempt", attempt, who: "g" }]),
    ).rejects.toMatchObject({ code: "42501" });
    const { rowCount } = await writer.query("SELECT FROM brake_events WHERE engagement_id = 'z-1'");
    expect(rowCount).toBe(0);
    await superuser.query("GRANT INSERT ON pool_migration.attempts TO written_writer");
  });
});
