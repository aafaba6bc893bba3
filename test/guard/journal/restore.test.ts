import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type pg from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Counts } from "../../../infra/rollout/evidence/counts.ts";
import { recompute } from "../../../infra/rollout/evidence/journal.ts";
import { eventBytes, readEvents } from "../../../infra/rollout/evidence/session-events.ts";
import { Journal } from "../../../scripts/agents/guard/journal/journal.ts";
import { writeEntries } from "../../../scripts/agents/guard/journal/writer.ts";
import { Judge } from "../../../scripts/agents/guard/judge.ts";
import { startPostgres } from "../../lib/postgres.ts";
import type { TestPostgres } from "../../lib/postgres.ts";
import { begin, settings } from "../../rollout/evidence/sample-row.ts";
import {
  attemptName,
  chainOf,
  eventsOf,
  extendChain,
  migratedDatabase,
  quiet,
} from "./journal-fixture.ts";
import type { VerdictEntry } from "./journal-fixture.ts";

let server: TestPostgres;
let database: Awaited<ReturnType<typeof migratedDatabase>>;
let writer: pg.Client;
let directory: string;
let journal: Journal;

beforeAll(async () => {
  server = await startPostgres();
  database = await migratedDatabase(server, "restored");
  writer = await database.connect("writer");
});
afterAll(async () => {
  await database.close();
  await server.stop();
});
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "pool-migration-restore-"));
  journal = new Journal({ directory, database: database.writerSettings, log: quiet });
  const owner = await database.connect("owner");
  await owner.query("TRUNCATE verdicts");
});
afterEach(async () => {
  await journal.close();
  rmSync(directory, { recursive: true });
});

const record = async (...entries: VerdictEntry[]) =>
  expect(await writeEntries(writer, entries)).toEqual([]);

/** Sessions in the order in which a union takes them. */
async function restoredSessions(attempt = attemptName): Promise<number[]> {
  const { sessions = [] } = (await journal.restore(attempt)) ?? {};
  return sessions.flatMap((events) =>
    [...readEvents(Buffer.from(events, "base64"))].map(({ hash }) => Number(hash)),
  );
}

const numbers = (first: number, count: number) =>
  Array.from({ length: count }, (_, index) => first + index);

/** All counts of the last verdict. */
function wholeCounts(entries: readonly VerdictEntry[]): Counts | undefined {
  return [...recompute(entries)].at(-1)?.row.counts;
}

describe("what a new guard gets back of an attempt", () => {
  it("is the newest row with all counts, its cursors, and every session", async () => {
    const entries = chainOf({ writer: "a", verdicts: 70 });
    await record(...entries);
    const last = entries.at(-1);
    expect(Object.keys(last?.row.counts ?? {})).toEqual(["10"]);
    const restored = await journal.restore(attemptName);
    expect(restored?.row).toEqual({ ...last?.row, counts: wholeCounts(entries) });
    expect(Object.keys(restored?.row.counts ?? {})).toEqual(["5", "10"]);
    expect(restored?.cursors).toEqual({ router: 70 });
    expect(await restoredSessions()).toEqual(numbers(0, 70));
  });

  it("is of the newest verdict, also where an older one was recorded later", async () => {
    const late = chainOf({ writer: "late", verdicts: 2, firstSession: 1000 });
    const newer = chainOf({ writer: "b", verdicts: 3, from: begin + 60_000 });
    await record(...newer, ...late);
    const restored = await journal.restore(attemptName);
    expect(restored?.row.at).toBe(begin + 70_000);
    expect(await restoredSessions()).toEqual([0, 1, 2, 1000, 1001]);
  });

  it("is of a guard that knew everything, where a newer one did not", async () => {
    const knowing = chainOf({ writer: "a", verdicts: 3 });
    const newer = chainOf({ writer: "b", verdicts: 2, from: begin + 60_000, complete: false });
    await record(...knowing, ...newer);
    const restored = await journal.restore(attemptName);
    expect(restored?.row).toMatchObject({ at: begin + 10_000, complete: true });
    const alone = "20260102T000000Z";
    await record(...chainOf({ writer: "c", verdicts: 2, attempt: alone, complete: false }));
    expect((await journal.restore(alone))?.row.complete).toBe(false);
  });

  it("leaves out what a chain that began with everything repeats", async () => {
    const [first, ...rest] = chainOf({
      writer: "b",
      verdicts: 3,
      firstSession: 100,
      from: begin + 100_000,
    });
    if (first === undefined) throw new Error("a chain has one");
    const all = { ...first, sessions: eventsOf(...numbers(0, 10).map(BigInt)) };
    await record(...chainOf({ writer: "a", verdicts: 10 }), all, ...rest);
    expect(await restoredSessions()).toEqual([...numbers(0, 10), 101, 102]);
  });

  it("does not take a chain for everything that began without it", async () => {
    const unsure = chainOf({
      writer: "b",
      verdicts: 2,
      firstSession: 100,
      from: begin + 100_000,
      complete: false,
    });
    await record(...chainOf({ writer: "a", verdicts: 10 }), ...unsure);
    expect(await restoredSessions()).toEqual([...numbers(0, 10), 100, 101]);
  });

  it("does not rest on what this very guard has journaled meanwhile", async () => {
    const before = chainOf({ writer: "a", verdicts: 3 });
    const own = chainOf({ writer: "own", verdicts: 2, from: begin + 60_000, complete: false });
    await record(...before, ...own);
    for (const entry of own) journal.append(entry);
    expect((await journal.restore(attemptName))?.row.at).toBe(before.at(-1)?.row.at);
  });

  it("begins where the attempt does, in the middle of a chain too", async () => {
    const judge = new Judge(settings, 5_000);
    judge.beginChain("a");
    const earlier = extendChain(judge, { writer: "a", verdicts: 4 });
    const attempt = "20260102T000000Z";
    const later = extendChain(judge, {
      writer: "a",
      verdicts: 3,
      attempt,
      from: begin + 86_400_000,
      firstSession: 50,
    });
    await record(...earlier, ...later);
    const restored = await journal.restore(attempt);
    expect(later.map(({ start }) => start)).toEqual([null, null, null]);
    expect(restored?.row.counts).toEqual(wholeCounts([...earlier, ...later]));
    expect(restored?.row.counts["5"]?.v1.sessions).toBe(210);
    expect(await restoredSessions(attempt)).toEqual([50, 51, 52]);
    expect(await restoredSessions()).toEqual(numbers(0, 4));
  });

  it("ends before a gap, and is not known where nothing comes before it", async () => {
    const entries = chainOf({ writer: "a", verdicts: 10 });
    await record(...entries.filter(({ sequence }) => sequence !== 8));
    const restored = await journal.restore(attemptName);
    expect(restored?.row.at).toBe(entries[6]?.row.at);
    expect(restored?.cursors).toEqual({ router: 7 });
    const owner = await database.connect("owner");
    await owner.query("DELETE FROM verdicts WHERE sequence = 1");
    await expect(journal.restore(attemptName)).rejects.toThrow(
      "the verdicts of a before number 10 are missing, and with them the counts of 20260101T000000Z",
    );
  });

  it("comes in pages, however large", async () => {
    const large = [2_500_000, 900_000, 900_000].map((bytes, index) => Buffer.alloc(bytes, index));
    const entries = chainOf({ writer: "a", verdicts: 3 }).map((entry, index) => ({
      ...entry,
      sessions: large[index]?.toString("base64") ?? "",
    }));
    await record(...entries);
    await writer.query(
      `INSERT INTO verdicts (writer, sequence, attempt, evaluated_at, kind, severity, page, stage, percentage, reasons,
                             evidence_row, verdict, start, cursors, sessions)
       SELECT writer, sequence + number, attempt, evaluated_at - interval '1 day', kind, severity, page, stage, percentage,
              reasons, evidence_row, verdict, NULL, cursors, decode(lpad(to_hex(number), 20, '0'), 'hex')
       FROM verdicts, generate_series(10, 4509) AS number WHERE sequence = 3`,
    );
    const sessions = (await journal.restore(attemptName))?.sessions ?? [];
    const bytes = sessions.map((events) => Buffer.from(events, "base64"));
    expect(bytes.map(({ length }) => length / eventBytes)).toEqual([
      100_000, 100_000, 50_000, 180_000, 2_000, 2_000, 500,
    ]);
    const read = Buffer.concat(bytes);
    const recorded = Buffer.concat(large);
    expect(read.subarray(0, recorded.length).equals(recorded)).toBe(true);
    expect(read.readBigUInt64BE(read.length - 8)).toBe(4509n);
  });

  it("is nothing where the journal has nothing, and not known where there is no answer", async () => {
    expect(await journal.restore("20260103T000000Z")).toBeUndefined();
    const nowhere = { ...database.writerSettings, port: 1 };
    const away = new Journal({ directory: join(directory, "b"), database: nowhere, log: quiet });
    await expect(away.restore(attemptName)).rejects.toThrow(/ECONNREFUSED/);
    await away.close();
  });
});
