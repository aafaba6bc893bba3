import { describe, expect, it } from "vitest";
import type { DecisionLine } from "../../../infra/rollout/decision-log.ts";
import { beginAttempt, changeAttempt } from "../../../infra/rollout/evidence/attempt.ts";
import { emptyBookState, EvidenceBook } from "../../../infra/rollout/evidence/book.ts";
import type { EvidenceRecord } from "../../../infra/rollout/evidence/record.ts";
import { readEvents } from "../../../infra/rollout/evidence/session-events.ts";
import { decidedLine, lineTime, sessionIn } from "./decided-line.ts";

const first = beginAttempt({ at: lineTime, why: "test", build: "b1", slowMilliseconds: 300 });

function bookOf(attempt = first, capacity?: number) {
  const state = emptyBookState(lineTime);
  const book = new EvidenceBook(state, [], capacity);
  book.follow(attempt, lineTime);
  return { book, state };
}

const kindsOf = (record: EvidenceRecord | undefined) =>
  [...readEvents(Buffer.from(record?.sessions ?? "", "base64"))].map(
    ({ kind, side, percentage }) => `${kind} ${side} ${String(percentage)}`,
  );

describe("a router's book", () => {
  it("counts requests by percentage and side, and tells each session once", () => {
    const { book } = bookOf();
    const [onV2, onV1] = [sessionIn(0, 5), sessionIn(50, 60)];
    for (let time = 0; time < 3; time += 1) {
      book.take(decidedLine(onV2, 10));
      book.take(decidedLine(onV1, 10));
    }
    const record = book.close(lineTime + 500);
    expect(record).toMatchObject({ from: 1, to: 1, at: lineTime + 500 });
    expect(record?.sides.map(({ side, requests }) => [side, requests])).toEqual([
      ["v2", 3],
      ["v1", 3],
    ]);
    expect(kindsOf(record)).toEqual(["seen v2 10", "seen v1 10"]);
    book.take(decidedLine(onV2, 10));
    expect(kindsOf(book.close(lineTime))).toEqual([]);
    expect(book.close(lineTime)).toBeUndefined();
  });

  it("tells a session's first bad request of each kind, and counts all of them", () => {
    const { book } = bookOf();
    const session = sessionIn(0, 10);
    book.take(decidedLine(session, 25));
    for (let time = 0; time < 4; time += 1) {
      book.take(decidedLine(session, 25, { status: 500 }));
      book.take(decidedLine(session, 25, { status: 424, durationMs: 301 }));
    }
    const record = book.close(lineTime);
    expect(record?.sides[0]?.bad).toEqual({ failed: 4, wrong: 4, slow: 4 });
    expect(kindsOf(record)).toEqual(["seen v2 25", "failed v2 25", "slow v2 25", "wrong v2 25"]);
    book.take(decidedLine(session, 50, { status: 500 }));
    expect(kindsOf(book.close(lineTime))).toEqual(["seen v2 50", "failed v2 50"]);
  });

  it("takes a request without a session for a session of its own, and keeps it only if it was bad", () => {
    const { book } = bookOf();
    for (let number = 0; number < 50; number += 1) {
      book.take(decidedLine(undefined, 25, { requestId: `r${String(number)}` }));
    }
    book.take(decidedLine(undefined, 25, { requestId: "bad", status: 503 }));
    book.take(decidedLine(undefined, 25, { requestId: "bad", status: 503 }));
    const record = book.close(lineTime);
    const anonymous = record?.sides.reduce((sum, side) => sum + side.anonymous, 0);
    expect(anonymous).toBe(52);
    expect(kindsOf(record)).toHaveLength(1);
    expect(kindsOf(record)[0]).toMatch(/^failed v[12] 25$/);
  });

  it("passes over override routes, requests without a route, and those that began before the attempt", () => {
    const { book } = bookOf();
    book.take(decidedLine(sessionIn(0, 5), 10, { override: "v2", decided: undefined }));
    book.take(decidedLine("s", 10, { percentage: undefined }));
    book.take(decidedLine("s", 10, { startTime: lineTime - 1 }));
    expect(book.close(lineTime)).toBeUndefined();
  });

  it("times no session's first request soon after a change of the percentage, on either side", () => {
    const { book } = bookOf();
    const [moved, onV2, onV1] = [sessionIn(10, 20), sessionIn(0, 5), sessionIn(50, 60)];
    const slow = { durationMs: 900 };
    const all = (percentage: number, changes: Partial<DecisionLine> = {}) => {
      for (const session of [moved, onV2, onV1]) {
        book.take(decidedLine(session, percentage, { ...slow, ...changes }));
      }
      const sides = book.close(lineTime)?.sides ?? [];
      return Object.fromEntries(
        sides.map(({ side, requests, bad, durations }) => [
          side,
          [requests, bad.slow ?? 0, durations],
        ]),
      );
    };
    expect(all(10)).toEqual({ v1: [2, 0, {}], v2: [1, 0, {}] });
    expect(all(10)).toEqual({ v1: [2, 2, { "900": 2 }], v2: [1, 1, { "900": 1 }] });
    // Up, and back to a percentage at which all of them were before.
    expect(all(25)).toEqual({ v1: [1, 0, {}], v2: [2, 0, {}] });
    expect(all(25)).toEqual({ v1: [1, 1, { "900": 1 }], v2: [2, 2, { "900": 2 }] });
    expect(all(10, { revision: "r99.1" })).toEqual({ v1: [2, 0, {}], v2: [1, 0, {}] });
    expect(all(10, { revision: "r99.1" })).toEqual({
      v1: [2, 2, { "900": 2 }],
      v2: [1, 1, { "900": 1 }],
    });
  });

  it("compares V1 at 0 % with the candidates, until the threshold is frozen", () => {
    const candidates = [100, 200, 300, 400];
    const open = changeAttempt(
      { ...first, slowMilliseconds: null },
      { candidates, candidatesAt: lineTime },
      lineTime + 1,
    );
    const { book } = bookOf(open);
    const session = sessionIn(0, 100);
    book.take(decidedLine(session, 0, { durationMs: 150 }));
    book.take(decidedLine(session, 0, { durationMs: 250 }));
    book.take(decidedLine(session, 0, { durationMs: 250 }));
    expect(kindsOf(book.close(lineTime))).toEqual([
      "seen v1 0",
      "candidate0 v1 0",
      "candidate1 v1 0",
    ]);
    book.follow(changeAttempt(open, { slowMilliseconds: 300 }, lineTime + 2), lineTime);
    book.take(decidedLine(session, 0, { durationMs: 350 }));
    expect(kindsOf(book.close(lineTime))).toEqual(["slow v1 0"]);
  });

  it("counts decisions that are not what bucket and percentage give", () => {
    const { book, state } = bookOf();
    book.take(decidedLine(sessionIn(50, 60), 25, { decided: "v2" }));
    book.take(decidedLine(sessionIn(0, 5), 25));
    expect(state.mispredicted).toBe(1);
  });

  it("begins anew with another attempt, and goes on with the same one", () => {
    const { book, state } = bookOf();
    const session = sessionIn(0, 5);
    book.take(decidedLine(session, 10, { decided: "v1" }));
    expect(book.follow(changeAttempt(first, { engagement: "e" }, lineTime + 5), lineTime)).toBe(
      false,
    );
    book.close(lineTime);
    expect(state).toMatchObject({ last: 1, mispredicted: 1 });
    const next = beginAttempt({ ...first, at: lineTime + 60_000, before: first });
    expect(book.follow(next, lineTime + 61_000)).toBe(true);
    expect(state).toMatchObject({ last: 0, mispredicted: 0, since: lineTime + 61_000 });
    expect(book.follow(first, lineTime + 62_000)).toBe(false);
    expect(state.attempt?.name).toBe(next.name);
    book.take(decidedLine(session, 10, { startTime: lineTime + 61_000 }));
    expect(kindsOf(book.close(lineTime))).toEqual(["seen v2 10"]);
  });

  it("gives what a new pod saw to an attempt that had begun before, and to no later one", () => {
    for (const [begun, sessions] of [
      [lineTime - 1000, 1],
      [lineTime + 1000, 0],
    ] as const) {
      const book = new EvidenceBook(emptyBookState(lineTime));
      book.take(decidedLine("s", 10));
      book.follow(beginAttempt({ ...first, at: begun }), lineTime + 2000);
      expect(kindsOf(book.close(lineTime))).toHaveLength(sessions);
    }
  });

  it("knows its sessions after a restart", () => {
    const { book, state } = bookOf();
    const session = sessionIn(0, 5);
    book.take(decidedLine(session, 10, { status: 500 }));
    const record = book.close(lineTime);
    const again = new EvidenceBook(state, record === undefined ? [] : [record]);
    again.take(decidedLine(session, 10, { status: 500 }));
    again.take(decidedLine(session, 10, { status: 424 }));
    const next = again.close(lineTime);
    expect(next).toMatchObject({ from: 2, to: 2 });
    expect(kindsOf(next)).toEqual(["wrong v2 10"]);
  });

  it("says when it can hold no more sessions, and still counts requests", () => {
    const { book, state } = bookOf(first, 3);
    for (let which = 0; which < 5; which += 1) {
      book.take(decidedLine(sessionIn(0, 50, which), 50, { status: 500 }));
    }
    expect(state.complete).toBe(false);
    const record = book.close(lineTime);
    expect(record?.sides[0]).toMatchObject({ requests: 5, bad: { failed: 5 } });
    expect(kindsOf(record).filter((kind) => kind.startsWith("seen"))).toHaveLength(3);
    // Those that it knows are still judged.
    book.take(decidedLine(sessionIn(0, 50, 1), 50, { status: 424 }));
    expect(kindsOf(book.close(lineTime))).toEqual(["wrong v2 50"]);
  });
});
