import { describe, expect, it } from "vitest";

import type { DecisionLine } from "../../../infra/rollout/decision-log.ts";
import {
  durationKey,
  durationsSince,
  quantile,
} from "../../../infra/rollout/evidence/durations.ts";
import { lowerSlope } from "../../../infra/rollout/evidence/memory-growth.ts";
import { badSlis } from "../../../infra/rollout/evidence/slis.ts";
import {
  chooseSlowThreshold,
  slowThresholdCandidates,
} from "../../../infra/rollout/evidence/slow-threshold.ts";

const line: DecisionLine = {
  requestId: "r",
  sessionId: "s",
  decided: "v2",
  served: "v2",
  fallback: false,
  override: undefined,
  revision: "r1.1",
  percentage: 25,
  hashed: "session",
  retryClass: "safe",
  attempts: 1,
  status: 200,
  flags: "",
  startTime: 0,
  durationMs: 20,
};
const context = {
  slowMilliseconds: 300,
  firstAfterChange: false,
  knownBefore: false,
  settling: false,
};

describe("SLIs of a line", () => {
  it.each<[string, Partial<DecisionLine>, string[]]>([
    ["a good answer", {}, []],
    ["500", { status: 500 }, ["failed"]],
    ["429", { status: 429 }, ["failed"]],
    ["a second attempt that was answered 200", { attempts: 2 }, ["failed"]],
    ["V1 for a dead V2, answered 200", { served: "v1", fallback: true }, ["failed"]],
    ["the route's timeout", { status: 504, flags: "UT" }, ["failed", "stuck"]],
    ["424", { status: 424 }, ["wrong"]],
    ["404", { status: 404 }, ["notFound"]],
    ["exactly the threshold", { durationMs: 300 }, []],
    ["longer than the threshold", { durationMs: 301 }, ["slow"]],
    ["an override route", { override: "v2", status: 500 }, []],
    ["no route", { decided: undefined, status: 500 }, []],
  ])("of %s", (_, fields, expected) => {
    expect(badSlis({ ...line, ...fields }, context)).toEqual(expected);
  });

  it("do not have slow before a threshold is frozen, nor for the first request of a session that may be moved", () => {
    const slow = { ...line, durationMs: 5000 };
    expect(badSlis(slow, { ...context, slowMilliseconds: undefined })).toEqual([]);
    const first = { ...context, firstAfterChange: true };
    expect(badSlis(slow, { ...first, knownBefore: true })).toEqual([]);
    expect(badSlis(slow, { ...first, settling: true })).toEqual([]);
    expect(badSlis(slow, first)).toEqual(["slow"]);
    expect(badSlis(slow, { ...context, knownBefore: true, settling: true })).toEqual(["slow"]);
  });
});

describe("threshold of slow", () => {
  it("is one of four multiples of V1's p95, at least 5 ms above it", () => {
    expect(slowThresholdCandidates(101)).toEqual([152, 202, 303, 505]);
    expect(slowThresholdCandidates(2)).toEqual([7, 7, 7, 10]);
  });

  it("is the smallest that at most 20 % of V1's sessions exceed", () => {
    const counts = [250, 201, 200, 10].map((sessions, index) => ({
      milliseconds: 100 * (index + 1),
      sessions,
    }));
    expect(chooseSlowThreshold(counts, 1000)).toBe(300);
    expect(chooseSlowThreshold(counts, 40)).toBeUndefined();
    expect(chooseSlowThreshold(counts, 0)).toBeUndefined();
  });
});

describe("durations", () => {
  it("are rounded up to two digits", () => {
    expect([0, 1, 99, 99.5, 100, 101, 990, 991, 12_345].map(durationKey)).toEqual([
      "0",
      "1",
      "99",
      "100",
      "100",
      "110",
      "990",
      "1000",
      "13000",
    ]);
  });

  it("have nearest-rank quantiles", () => {
    const durations = { "1000": 1, "20": 98, "3": 1 };
    expect([0.01, 0.5, 0.99, 1].map((share) => quantile(durations, share))).toEqual([
      3, 20, 20, 1000,
    ]);
    expect(quantile({}, 0.5)).toBeUndefined();
    expect(durationsSince(durations, { "20": 90, "3": 1 })).toEqual({ "1000": 1, "20": 8 });
  });
});

describe("slope of memory", () => {
  it("is bounded from below, whatever a few outliers say", () => {
    const leak = Array.from({ length: 60 }, (_, index): [number, number] => [
      index,
      1000 + 2 * index + (index % 7 === 0 ? 300 : (index % 5) - 2),
    ]);
    const bound = lowerSlope(leak);
    expect(bound).toBeGreaterThan(1.5);
    expect(bound).toBeLessThanOrEqual(2);
  });

  it("is below zero for a sawtooth, and nothing for too few samples", () => {
    const flat = Array.from({ length: 60 }, (_, index): [number, number] => [index, index % 8]);
    expect(lowerSlope(flat)).toBeLessThan(0.01);
    expect(lowerSlope(flat.slice(0, 4))).toBe(-Infinity);
  });
});
