import { describe, expect, it, vi } from "vitest";
import type { DecisionLine } from "../../infra/rollout/decision-log.ts";
import { predictSide, type Side } from "../../infra/rollout/decision.ts";
import {
  Accounting,
  compareVisits,
  sessionsThatLeftV2,
} from "../../scripts/rehearsal/accounting.ts";
import { outcomeOf } from "../../scripts/rehearsal/outcome.ts";
import type { RequestRecord } from "../../scripts/rehearsal/records.ts";

const record = (overrides: Partial<RequestRecord> = {}): RequestRecord => ({
  type: "request",
  requestId: "r-1",
  sessionId: "s-1",
  operation: "execute",
  keyed: false,
  intendedAt: 0,
  durationMs: 1,
  status: 200,
  rollout: "r10.20;50",
  pool: predictSide({ sessionId: "s-1", requestId: "r-1", percentage: 50 }).side,
  repeats: 0,
  verdict: "expected",
  ...overrides,
});

const line = (overrides: Partial<DecisionLine> = {}): DecisionLine => {
  const decided = predictSide({ sessionId: "s-1", requestId: "r-1", percentage: 50 }).side;
  return {
    requestId: "r-1",
    sessionId: "s-1",
    decided,
    served: decided,
    fallback: false,
    override: undefined,
    revision: "r10.20",
    percentage: 50,
    hashed: "session",
    retryClass: "once",
    attempts: 1,
    status: 200,
    flags: "",
    startTime: 0,
    durationMs: 1,
    ...overrides,
  };
};

/** A record of a request that the router answered itself or not at all. */
const unanswered = (overrides: Partial<RequestRecord>): RequestRecord => {
  const { pool, rollout, ...rest } = record(overrides);
  expect([pool, rollout]).not.toContain(undefined);
  return rest;
};

describe("the outcome of a request", () => {
  it("is answered or failed when a pool answered", () => {
    expect(outcomeOf(record(), line())).toBe("answered");
    expect(outcomeOf(record({ status: 404 }), line())).toBe("answered");
    expect(outcomeOf(record({ status: 500 }), line())).toBe("failed");
    expect(outcomeOf(record({ status: 429 }), line())).toBe("failed");
  });

  it("is lost without an answer, and for a 5xx made by the router", () => {
    const lost = [
      unanswered({ status: 503, keyed: true }),
      unanswered({ status: 503, operation: "list" }),
      unanswered({ status: 0, failure: "cut", operation: "health" }),
      unanswered({ status: 0, failure: "cut", keyed: true }),
      unanswered({ status: 0, failure: "notSent" }),
      unanswered({ status: 504 }),
    ];
    for (const each of lost) expect(outcomeOf(each, undefined)).toBe("lost");
    // Refused before anything was sent: not in flight.
    expect(outcomeOf(unanswered({ status: 503 }), line({ flags: "UF,URX" }))).toBe("lost");
    expect(outcomeOf(unanswered({ status: 503 }), line({ flags: "UH" }))).toBe("lost");
  });

  it("is reported only for a POST without a key that was cut in flight", () => {
    expect(outcomeOf(unanswered({ status: 503 }), line({ flags: "UC" }))).toBe("reported");
    expect(outcomeOf(unanswered({ status: 0, failure: "cut" }), undefined)).toBe("reported");
    expect(outcomeOf(unanswered({ status: 503, keyed: true }), line({ flags: "UC" }))).toBe("lost");
    const list = unanswered({ status: 503, operation: "list" });
    expect(outcomeOf(list, line({ flags: "UC" }))).toBe("lost");
  });
});

describe("the accounting", () => {
  it("joins requests and lines in either order", () => {
    for (const requestFirst of [true, false]) {
      const accounting = new Accounting();
      if (requestFirst) accounting.addRequest(record());
      accounting.addLine(line());
      if (!requestFirst) accounting.addRequest(record());
      expect(accounting.waiting).toBe(0);
      accounting.settle();
      expect(accounting.totals()).toMatchObject({
        requests: 1,
        outcomes: { answered: 1, lost: 0 },
        mispredicted: 0,
        wronglyServed: 0,
        withoutLine: 0,
        withoutRollout: 0,
        examples: [],
      });
      const visit = accounting.visit("10", 50);
      expect([...visit.sessions.keys()]).toEqual(["s-1"]);
      expect(visit.requests.v1 + visit.requests.v2).toBe(1);
    }
  });

  it("finds decisions that the header does not predict", () => {
    const { decided } = line();
    const other: Side = decided === "v1" ? "v2" : "v1";
    const wrong = [
      line({ decided: other, served: other }),
      line({ percentage: 51 }),
      line({ revision: "r11.20" }),
    ];
    for (const each of wrong) {
      const accounting = new Accounting();
      accounting.addRequest(record());
      accounting.addLine(each);
      expect(accounting.totals().mispredicted).toBe(1);
      expect(accounting.totals().examples).not.toEqual([]);
    }
  });

  it("counts fallbacks apart from requests served by the wrong side", () => {
    const session = ["a", "b", "c", "d", "e", "f"].find(
      (id) => predictSide({ sessionId: id, requestId: "r-1", percentage: 50 }).side === "v2",
    );
    const decidedV2 = { ...(session === undefined ? {} : { sessionId: session }) };
    const accounting = new Accounting();
    accounting.addRequest(record({ ...decidedV2, pool: "v1" }));
    accounting.addLine(line({ ...decidedV2, decided: "v2", served: "v1", fallback: true }));
    expect(accounting.totals()).toMatchObject({ fallbacks: 1, mispredicted: 0, wronglyServed: 0 });
    accounting.addRequest(record({ ...decidedV2, pool: "v2" }));
    accounting.addLine(line({ ...decidedV2, decided: "v2", served: "v1", fallback: true }));
    expect(accounting.totals()).toMatchObject({ fallbacks: 2, wronglyServed: 1 });
    accounting.addRequest(record(decidedV2));
    accounting.addLine(line({ ...decidedV2, decided: "v1", served: "v2", fallback: false }));
    expect(accounting.totals()).toMatchObject({ mispredicted: 1 });
  });

  it("counts answers without a line, and none for those that were never answered", () => {
    const accounting = new Accounting();
    accounting.addRequest(record());
    accounting.addRequest(unanswered({ requestId: "r-2", status: 0, failure: "notSent" }));
    expect(accounting.waiting).toBe(2);
    accounting.settle();
    expect(accounting.totals()).toMatchObject({ withoutLine: 1, outcomes: { lost: 1 } });
  });

  it("takes the last line of a request that the caller sent again", () => {
    const accounting = new Accounting();
    accounting.addLine(line({ status: 503, served: undefined, flags: "UC" }));
    accounting.addRequest(record({ keyed: true, repeats: 1 }));
    expect(accounting.waiting).toBe(1);
    accounting.addLine(line());
    expect(accounting.waiting).toBe(0);
    expect(accounting.totals().outcomes).toEqual({ answered: 1, failed: 0, reported: 0, lost: 0 });
  });

  it("counts apart what fails while a pool is told to fail, and what is lost all the same", () => {
    vi.useFakeTimers({ toFake: ["Date"], now: 1000 });
    const accounting = new Accounting();
    const end = accounting.expectFaults();
    vi.setSystemTime(2000);
    end();
    vi.useRealTimers();
    const tell = (intendedAt: number, changes: Partial<RequestRecord>) => {
      const requestId = `r-${intendedAt}-${changes.status ?? 200}`;
      accounting.addRequest(record({ ...changes, requestId, intendedAt, durationMs: 100 }));
      accounting.addLine(line({ requestId }));
    };
    // Answered before the fault, when it began, when it ended, and after it.
    for (const intendedAt of [899, 900, 2000, 2001]) tell(intendedAt, { status: 500 });
    tell(1500, { status: 424, verdict: "unexpectedStatus" });
    tell(1500, { verdict: "wrongAnswer" });
    accounting.addRequest(unanswered({ requestId: "lost", intendedAt: 1500, status: 503 }));
    accounting.settle();
    expect(accounting.totals()).toMatchObject({
      inFaults: 3,
      outcomes: { failed: 2, lost: 1, answered: 1 },
      verdicts: { wrongAnswer: 1, unexpectedStatus: 0 },
    });
  });

  it("tells the router's 503 from that of a pool which the repeated request got at last", () => {
    const accounting = new Accounting();
    accounting.addLine(line({ status: 503, served: undefined, flags: "UH" }));
    accounting.addRequest(record({ status: 503, keyed: true, repeats: 1 }));
    expect(accounting.waiting).toBe(1);
    accounting.addLine(line({ status: 503 }));
    expect(accounting.waiting).toBe(0);
    expect(accounting.totals()).toMatchObject({ wronglyServed: 0, outcomes: { failed: 1 } });
  });
});

describe("visits", () => {
  const visit = (sessions: Record<string, Side>) => ({
    sessions: new Map(Object.entries(sessions)),
    requests: { v1: 0, v2: 0 },
  });

  it("show sessions that left V2 on the way up, also over a visit that missed them", () => {
    const rising = [visit({ a: "v1", b: "v2" }), visit({ a: "v2" }), visit({ a: "v2", b: "v2" })];
    expect(sessionsThatLeftV2(rising)).toEqual([]);
    expect(sessionsThatLeftV2([...rising, visit({ a: "v1", b: "v2", c: "v1" })])).toEqual(["a"]);
  });

  it("compare the sides of the sessions that both have seen", () => {
    const before = visit({ a: "v1", b: "v2", c: "v1" });
    expect(compareVisits(before, visit({ a: "v1", b: "v2", d: "v2" }))).toEqual({
      common: 2,
      changed: 0,
    });
    expect(compareVisits(before, visit({ c: "v2" }))).toEqual({ common: 1, changed: 1 });
  });
});
