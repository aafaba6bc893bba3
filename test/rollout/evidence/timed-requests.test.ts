import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { DecisionLine } from "../../../infra/rollout/decision-log.ts";
import type { Attempt } from "../../../infra/rollout/evidence/attempt.ts";
import { beginAttempt, changeAttempt } from "../../../infra/rollout/evidence/attempt.ts";
import { nextAttempt } from "../../../infra/rollout/evidence/attempt-course.ts";
import {
  bookStateSchema,
  emptyBookState,
  EvidenceBook,
} from "../../../infra/rollout/evidence/book.ts";
import type { EvidenceRecord } from "../../../infra/rollout/evidence/record.ts";
import { noCounts } from "../../../infra/rollout/evidence/counts.ts";
import { EvidenceUnion } from "../../../infra/rollout/evidence/union.ts";
import { decidedLine, lineTime, sessionIn } from "./decided-line.ts";

const minute = 60_000;
const settle = 15 * minute;

const first = beginAttempt({
  at: lineTime,
  why: "test",
  build: "b1",
  slowMilliseconds: 300,
  settleMilliseconds: settle,
});

const [onV1, onV2, moved] = [60, 0, 10].map(
  (bucket) => (which: number) => sessionIn(bucket, bucket + 10, which),
) as [(which: number) => string, (which: number) => string, (which: number) => string];

/** A book whose requests all take 900 ms. */
class SlowBook {
  readonly state = emptyBookState(lineTime);
  book = new EvidenceBook(this.state);

  constructor(attempt: Attempt | undefined = first) {
    if (attempt !== undefined) this.book.follow(attempt, lineTime);
  }

  /** Requests of sessions, some time after the begin of all; the number of timed ones by side, each of them slow. */
  take(
    sessions: readonly string[],
    percentage: number,
    after: number,
    changes: Partial<DecisionLine> = {},
  ): { v1: number; v2: number } {
    for (const session of sessions) {
      const startTime = lineTime + after;
      this.book.take(decidedLine(session, percentage, { startTime, durationMs: 900, ...changes }));
    }
    const timed = { v1: 0, v2: 0 };
    for (const { side, bad, durations } of this.book.close(lineTime + after)?.sides ?? []) {
      timed[side] = durations["900"] ?? 0;
      expect(bad.slow ?? 0).toBe(timed[side]);
    }
    return timed;
  }
}

describe("the first request of a session after a change of the percentage", () => {
  it("is timed where the session is new and the change is some time ago, on both sides", () => {
    const slow = new SlowBook();
    slow.take([onV1(0), onV2(0)], 5, 0);
    slow.take([onV1(0)], 10, minute, { revision: "r2.1" });
    const at = (after: number, which: number) =>
      slow.take([onV1(which), onV2(which)], 10, after, { revision: "r2.1" });
    expect(at(minute + settle - 1, 1)).toEqual({ v1: 0, v2: 0 });
    expect(at(minute + settle, 2)).toEqual({ v1: 1, v2: 1 });
    // Those that came before that are timed from their second one on.
    expect(at(minute + settle, 1)).toEqual({ v1: 1, v2: 1 });
  });

  it("is not timed where the session was known before, however late it comes back", () => {
    const slow = new SlowBook();
    const all = [onV1(0), onV2(0), moved(0)];
    slow.take(all, 5, 0);
    // Idle at 10 %.
    slow.take([onV1(1)], 10, settle);
    expect(slow.take(all, 25, 90 * minute)).toEqual({ v1: 0, v2: 0 });
    expect(slow.take(all, 25, 91 * minute)).toEqual({ v1: 1, v2: 2 });
    // Back at a percentage at which all of them were before.
    slow.take([onV1(1)], 5, 92 * minute, { revision: "r99.1" });
    const back = (after: number) => slow.take(all, 5, after, { revision: "r99.1" });
    expect(back(92 * minute + 2 * settle)).toEqual({ v1: 0, v2: 0 });
    expect(back(93 * minute + 2 * settle)).toEqual({ v1: 2, v2: 1 });
  });

  it("is timed at 0 % before any change, so that the threshold is frozen where sessions make one request", () => {
    const open = { ...first, slowMilliseconds: null };
    const slow = new SlowBook(undefined);
    slow.book.follow(open, lineTime);
    const union = new EvidenceUnion();
    let attempt: Attempt | undefined = open;
    for (let request = 0; request < 400; request += 1) {
      const startTime = lineTime + 200 * request;
      const durationMs = request % 10 === 0 ? 35 : 20;
      slow.book.take(decidedLine(`job-${String(request)}`, 0, { startTime, durationMs }));
      const record = slow.book.close(startTime);
      if (record !== undefined) union.add("router", record);
      const next = nextAttempt(attempt, {
        at: startTime,
        build: "b1",
        configuredSlow: null,
        engagement: undefined,
        engagedBefore: undefined,
        released: undefined,
        percentage: 0,
        v1: union.counts["0"]?.v1 ?? noCounts,
        candidateSessions: union.candidates,
        measureSeconds: 30,
      });
      if (next === undefined) continue;
      attempt = next;
      slow.book.follow(next, startTime);
    }
    expect(attempt).toMatchObject({ candidates: [53, 70, 105, 175], slowMilliseconds: 53 });
  });

  it("is not timed soon after an attempt has begun at a percentage, because all sessions are forgotten", () => {
    const slow = new SlowBook();
    slow.take([onV1(0), onV2(0)], 10, 0);
    expect(slow.take([onV1(1), onV2(1)], 10, settle)).toEqual({ v1: 1, v2: 1 });
    const begun = 60 * minute;
    const next = beginAttempt({ ...first, at: lineTime + begun, before: first });
    slow.book.follow(next, lineTime + begun);
    expect(slow.take([onV1(0), onV2(0)], 10, begun)).toEqual({ v1: 0, v2: 0 });
    expect(slow.take([onV1(1), onV2(1)], 10, begun + settle)).toEqual({ v1: 1, v2: 1 });
    // At 0 % no session is on V2, whatever V2 has become.
    slow.take([onV1(0)], 0, begun + settle);
    const later = beginAttempt({ ...next, at: lineTime + 3 * begun, before: next });
    slow.book.follow(later, lineTime + 3 * begun);
    expect(slow.take([onV1(0), onV2(0)], 0, 3 * begun)).toEqual({ v1: 2, v2: 0 });
  });

  it("is the same after a restart", () => {
    const slow = new SlowBook();
    const records: EvidenceRecord[] = [];
    const take = (sessions: readonly string[], percentage: number, after: number) => {
      for (const session of sessions) {
        const startTime = lineTime + after;
        slow.book.take(decidedLine(session, percentage, { startTime, durationMs: 900 }));
      }
      const record = slow.book.close(lineTime + after);
      if (record !== undefined) records.push(record);
    };
    take([onV1(0), onV2(0), onV1(1), onV2(1)], 5, 0);
    take([onV1(0), onV2(0)], 10, 60 * minute);
    const state = bookStateSchema.parse(JSON.parse(JSON.stringify(slow.state)));
    slow.book = new EvidenceBook(state, records);
    // The change is not a new one, those that were seen since are known to have been, and those of before are as well.
    expect(slow.take([onV1(2), onV2(2)], 10, 60 * minute + settle - 1)).toEqual({ v1: 0, v2: 0 });
    expect(slow.take([onV1(3), onV2(3)], 10, 60 * minute + settle)).toEqual({ v1: 1, v2: 1 });
    expect(slow.take([onV1(0), onV2(0)], 10, 90 * minute)).toEqual({ v1: 1, v2: 1 });
    expect(slow.take([onV1(1), onV2(1)], 10, 90 * minute)).toEqual({ v1: 0, v2: 0 });
  });

  it("is judged alike for sessions that come alike, whatever their side", () => {
    const visit = fc.record({
      percentage: fc.constantFrom(5, 10, 25, 50),
      minutes: fc.integer({ min: 1, max: 8 }),
      come: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(visit, { minLength: 1, maxLength: 12 }), (visits) => {
        const slow = new SlowBook();
        let after = 0;
        for (const [index, { percentage, minutes, come }] of visits.entries()) {
          after += minutes * minute;
          const revision = `r${String(index)}.1`;
          const sessions = [onV1(0), sessionIn(0, 5)];
          const { v1, v2 } = slow.take(come ? sessions : [onV1(9)], percentage, after, {
            revision,
          });
          if (come) expect(v1).toBe(v2);
        }
      }),
    );
  });
});

describe("a book's state of before", () => {
  it("is read where it says nothing of when percentages changed", () => {
    const state = JSON.parse(JSON.stringify(emptyBookState(lineTime))) as Record<string, unknown>;
    const changes = [{ revision: "r1.1", percentage: 10, number: 3 }];
    const attempt: Record<string, unknown> = { ...changeAttempt(first, {}, lineTime) };
    delete attempt["settleMilliseconds"];
    const read = bookStateSchema.parse({ ...state, attempt, changes });
    expect(read.changes).toEqual([{ ...changes[0], at: 0 }]);
    expect(read.attempt?.settleMilliseconds).toBe(settle);
  });
});
