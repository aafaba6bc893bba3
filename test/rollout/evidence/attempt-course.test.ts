import { describe, expect, it } from "vitest";
import type { Attempt } from "../../../infra/rollout/evidence/attempt.ts";
import {
  beginAttempt,
  changeAttempt,
  newerAttempt,
} from "../../../infra/rollout/evidence/attempt.ts";
import { nextAttempt } from "../../../infra/rollout/evidence/attempt-course.ts";
import type { AttemptObservation } from "../../../infra/rollout/evidence/attempt-course.ts";
import { noCounts } from "../../../infra/rollout/evidence/counts.ts";

const at = Date.UTC(2026, 0, 1, 12);

const begun = beginAttempt({ at, why: "test", build: "one", slowMilliseconds: null });

/** What is seen while nothing happens, five seconds after the begin. */
const seen = (changes: Partial<AttemptObservation> = {}): AttemptObservation => ({
  at: at + 5000,
  build: "one",
  configuredSlow: null,
  engagement: undefined,
  engagedBefore: undefined,
  released: undefined,
  percentage: 0,
  v1: noCounts,
  candidateSessions: [0, 0, 0, 0],
  measureSeconds: 60,
  ...changes,
});

const change = (attempt: Attempt, changes: Parameters<typeof changeAttempt>[1]) =>
  changeAttempt(attempt, changes, at);

describe("an attempt", () => {
  it("begins once it is known what V2 is", () => {
    expect(nextAttempt(undefined, seen({ build: undefined }))).toBeUndefined();
    expect(nextAttempt(undefined, seen())).toMatchObject({
      name: "20260101T120005Z",
      since: at + 5000,
      build: "one",
      engagement: null,
      slowMilliseconds: null,
      settleMilliseconds: 60_000,
    });
    expect(nextAttempt(begun, seen())).toBeUndefined();
    expect(nextAttempt(begun, seen({ build: undefined }))).toBeUndefined();
  });

  it("ends with the build of V2, and hands on the threshold that was frozen", () => {
    const frozen = change(begun, { slowMilliseconds: 250 });
    const next = nextAttempt(frozen, seen({ build: "two" }));
    expect(next).toMatchObject({
      build: "two",
      slowMilliseconds: 250,
      why: "V2 changed: two, before one",
    });
    const configured = nextAttempt(frozen, seen({ build: "two", configuredSlow: 900 }));
    expect(configured?.slowMilliseconds).toBe(900);
  });

  it("notes a guard's engagement, and ends when that was released by name", () => {
    const engaged = nextAttempt(begun, seen({ engagement: "e1" }));
    expect(engaged).toMatchObject({ name: begun.name, engagement: "e1" });
    if (engaged === undefined) return;
    const during = { engagement: "e1", released: false };
    expect(nextAttempt(engaged, seen(during))).toBeUndefined();
    expect(nextAttempt(engaged, seen({ released: undefined }))).toBeUndefined();
    expect(nextAttempt(engaged, seen({ engagement: "e2", released: true }))).toBeUndefined();
    const next = nextAttempt(engaged, seen({ released: true }));
    expect(next).toMatchObject({ engagement: null, why: "e1 was released after a rollback" });
    expect(next?.name).not.toBe(begun.name);
  });

  it("ends too when the engagement was made and released while nobody noted it", () => {
    expect(nextAttempt(begun, seen({ engagedBefore: "e1", released: false }))).toBeUndefined();
    const next = nextAttempt(begun, seen({ engagedBefore: "e1", released: true }));
    expect(next).toMatchObject({ engagement: null, why: "e1 was released after a rollback" });
  });

  it("has a name and a version of its own, also where clocks go back", () => {
    const next = beginAttempt({ ...begun, at: at - 60_000, before: begun });
    expect(next.name > begun.name).toBe(true);
    expect(next.version).toBeGreaterThan(begun.version);
    const changed = changeAttempt(next, { engagement: "e" }, at - 60_000);
    expect(changed.version).toBeGreaterThan(next.version);
    expect(newerAttempt(changed, begun)).toBe(changed);
    expect(newerAttempt(undefined, begun)).toBe(begun);
    expect(newerAttempt(begun, undefined)).toBe(begun);
  });
});

describe("the threshold of slow", () => {
  const v1 = (requests: number, sessions = requests) => ({
    ...noCounts,
    requests,
    sessions,
    durations: { "20": Math.floor(0.96 * requests), "100": Math.ceil(0.04 * requests) },
  });

  it("gets candidates once V1's p95 is known, at 0 % only", () => {
    expect(nextAttempt(begun, seen({ v1: v1(199) }))).toBeUndefined();
    expect(nextAttempt(begun, seen({ v1: v1(500), percentage: 5 }))).toBeUndefined();
    expect(nextAttempt(begun, seen({ v1: v1(500) }))).toMatchObject({
      name: begun.name,
      candidates: [30, 40, 60, 100],
      candidatesAt: at + 5000,
      slowMilliseconds: null,
    });
  });

  it("is frozen after the time of measuring, or when the traffic leaves 0 %", () => {
    const measuring = change(begun, { candidates: [30, 40, 60, 100], candidatesAt: at });
    const candidateSessions = [150, 101, 100, 2];
    const early = { v1: v1(500), candidateSessions, at: at + 59_999 };
    expect(nextAttempt(measuring, seen(early))).toBeUndefined();
    const frozen = nextAttempt(measuring, seen({ ...early, at: at + 60_000 }));
    expect(frozen).toMatchObject({ name: begun.name, slowMilliseconds: 60 });
    expect(nextAttempt(measuring, seen({ ...early, percentage: 5 }))?.slowMilliseconds).toBe(60);
  });

  it("stays open where V1 is too uneven for all of them, and once frozen stays as it is", () => {
    const measuring = change(begun, { candidates: [30, 40, 60, 100], candidatesAt: at });
    const uneven = { v1: v1(500), candidateSessions: [400, 300, 200, 101], at: at + 90_000 };
    expect(nextAttempt(measuring, seen(uneven))).toBeUndefined();
    const frozen = change(measuring, { slowMilliseconds: 60 });
    expect(nextAttempt(frozen, seen({ v1: v1(900), at: at + 90_000 }))).toBeUndefined();
  });
});
