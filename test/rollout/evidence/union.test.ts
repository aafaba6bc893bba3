import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { DecisionLine } from "../../../infra/rollout/decision-log.ts";
import { beginAttempt } from "../../../infra/rollout/evidence/attempt.ts";
import { emptyBookState, EvidenceBook } from "../../../infra/rollout/evidence/book.ts";
import { inconsistency } from "../../../infra/rollout/evidence/counts.ts";
import type { EvidenceRecord } from "../../../infra/rollout/evidence/record.ts";
import { uniteRecords } from "../../../infra/rollout/evidence/record.ts";
import { EvidenceUnion } from "../../../infra/rollout/evidence/union.ts";
import { decidedLine, lineTime, sessionIn } from "./decided-line.ts";

const attempt = beginAttempt({ at: lineTime, why: "", build: "", slowMilliseconds: 300 });

/** Records of one router, one for each list of lines. */
function recordsOf(...batches: readonly (readonly DecisionLine[])[]): EvidenceRecord[] {
  const book = new EvidenceBook(emptyBookState(lineTime));
  book.follow(attempt, lineTime);
  return batches.flatMap((lines, index) => {
    for (const line of lines) book.take(line);
    return book.close(lineTime + index) ?? [];
  });
}

const good = (session: string, percentage: number) => decidedLine(session, percentage);
const bad = (session: string, percentage: number) =>
  decidedLine(session, percentage, { status: 500 });

const line = fc
  .record({
    router: fc.integer({ min: 0, max: 2 }),
    which: fc.integer({ min: 0, max: 8 }),
    percentage: fc.constantFrom(5, 25, 50),
    status: fc.constantFrom(200, 200, 424, 500),
  })
  .map(({ router, which, percentage, status }) => ({
    router,
    line: decidedLine(`session-${String(which)}`, percentage, { status }),
  }));

/** The union of what three routers tell, each in records of a few lines. */
function unionOf(lines: readonly { router: number; line: DecisionLine }[]): {
  union: EvidenceUnion;
  events: string[];
} {
  const union = new EvidenceUnion();
  const books = [0, 1, 2].map(() => new EvidenceBook(emptyBookState(lineTime)));
  const events: string[] = [];
  for (const [index, { router, line: one }] of lines.entries()) {
    books[router]?.take(one);
    if (index % 3 !== 2 && index !== lines.length - 1) continue;
    for (const [number, book] of books.entries()) {
      const record = book.close(lineTime);
      if (record !== undefined) union.add(`router-${String(number)}`, record);
    }
    events.push(union.takeEvents());
  }
  return { union, events };
}

describe("the union of all routers", () => {
  it("is not complete where sessions are missing that were counted as bad", () => {
    const [record] = recordsOf([good("a", 5), bad("b", 5), good("c", 5)]);
    if (record === undefined) throw new Error("there is one");
    const known = new EvidenceUnion();
    known.add("router", record);
    const events = known.takeEvents();
    const whole = new EvidenceUnion();
    whole.restore(known.counts, [events]);
    expect(whole.complete).toBe(true);
    expect(whole.counts).toEqual(known.counts);
    const lost = new EvidenceUnion();
    lost.restore(known.counts, []);
    expect(lost.complete).toBe(false);
  });

  it("counts requests of all routers, and a session once however many it visits", () => {
    const union = new EvidenceUnion();
    const [onV2, onV1] = [sessionIn(0, 5), sessionIn(50, 60)];
    const [a] = recordsOf([good(onV2, 10), bad(onV2, 10), good(onV1, 10)]);
    const [b] = recordsOf([bad(onV2, 10), good(onV2, 10)]);
    for (const [router, record] of [
      ["a", a],
      ["b", b],
    ] as const) {
      if (record !== undefined) union.add(router, record);
    }
    expect(union.counts["10"]?.v2).toMatchObject({
      requests: 4,
      sessions: 1,
      bad: { failed: { requests: 2, sessions: 1, firstInAttempt: 1 } },
      durations: { "20": 2 },
    });
    expect(union.counts["10"]?.v1).toMatchObject({ requests: 1, sessions: 1 });
  });

  it("counts a session once an attempt for the cumulative copy, and once a stage for the others", () => {
    const union = new EvidenceUnion();
    const session = sessionIn(0, 5);
    for (const record of recordsOf([bad(session, 10)], [bad(session, 25)])) union.add("a", record);
    const failed = (percentage: string) => union.counts[percentage]?.v2.bad.failed;
    expect(failed("10")).toEqual({ requests: 1, sessions: 1, firstInAttempt: 1 });
    expect(failed("25")).toEqual({ requests: 1, sessions: 1, firstInAttempt: 0 });
  });

  it("is the same whether a router tells its records once, or all of them again, united", () => {
    const records = recordsOf(
      [good("a", 10), bad("b", 10)],
      [bad("a", 25), good("c", 25)],
      [good("a", 25)],
    );
    const union = new EvidenceUnion();
    for (const record of records) union.add("router", record);
    const before = structuredClone(union.counts);
    union.restart("router");
    union.add("router", uniteRecords(records));
    expect(union.counts).toEqual(before);
  });

  it("adds sessions without an id, and knows when V2 was first asked", () => {
    const union = new EvidenceUnion();
    const anonymous = [1, 2, 3].map((number) =>
      decidedLine(undefined, 100, {
        requestId: `r${String(number)}`,
        startTime: lineTime + number,
      }),
    );
    const [record] = recordsOf(anonymous);
    if (record !== undefined) union.add("a", record);
    expect(union.counts["100"]?.v2).toMatchObject({ requests: 3, sessions: 3 });
    expect(union.firstAt(100, "v2")).toBe(lineTime + 1);
    expect(union.firstAt(50, "v2")).toBeUndefined();
  });

  it("gives counts that are possible, and the very same object where nothing changed", () => {
    fc.assert(
      fc.property(fc.array(line, { minLength: 1, maxLength: 60 }), (lines) => {
        const { union } = unionOf(lines);
        expect(inconsistency(union.counts)).toBeUndefined();
        const before = union.counts;
        const [record] = recordsOf([good("another", 75)]);
        if (record !== undefined) union.add("router-0", record);
        for (const percentage of Object.keys(before)) {
          expect(union.counts[percentage]).toBe(before[percentage]);
        }
      }),
    );
  });

  it("is made again from its snapshot, and counts on as if nothing had been", () => {
    fc.assert(
      fc.property(fc.array(line, { minLength: 1, maxLength: 60 }), (lines) => {
        const half = Math.ceil(lines.length / 2);
        const { union } = unionOf(lines.slice(0, half));
        const again = new EvidenceUnion();
        again.load(union.save());
        expect(again.counts).toEqual(union.counts);
        const rest = recordsOf(lines.slice(half).map(({ line: one }) => one));
        for (const record of rest) {
          union.add("router-9", record);
          again.add("router-9", record);
        }
        expect(again.counts).toEqual(union.counts);
      }),
    );
  });

  it("is made again from the journal's counts and events", () => {
    fc.assert(
      fc.property(fc.array(line, { minLength: 1, maxLength: 60 }), (lines) => {
        const { union, events } = unionOf(lines);
        const again = new EvidenceUnion();
        again.restore(union.counts, events);
        expect(again.counts).toEqual(union.counts);
        expect(again.takeEvents()).toBe("");
      }),
    );
  });

  it("counts no more sessions than it can hold, and says so", () => {
    const union = new EvidenceUnion(2);
    for (const record of recordsOf([good("a", 50), good("b", 50), bad("c", 50)])) {
      union.add("a", record);
    }
    expect(union.complete).toBe(false);
    const { v1, v2 } = union.counts["50"] ?? {};
    expect((v1?.sessions ?? 0) + (v2?.sessions ?? 0)).toBe(2);
    const again = new EvidenceUnion();
    again.load(union.save());
    expect(again.complete).toBe(false);
  });
});
