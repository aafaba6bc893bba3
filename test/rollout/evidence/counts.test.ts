import { describe, expect, it } from "vitest";

import {
  controlledPercentages,
  counterReset,
  inconsistency,
} from "../../../infra/rollout/evidence/counts.ts";
import type { SideCounts } from "../../../infra/rollout/evidence/counts.ts";
import { side } from "./sample-row.ts";

const at25 = (v2: SideCounts) => ({ "25": { v1: side(30), v2 } });
const withFailed = (requests: number, sessions: number, firstInAttempt: number) => {
  const v2 = side(10);
  return at25({ ...v2, bad: { ...v2.bad, failed: { requests, sessions, firstInAttempt } } });
};

describe("counts", () => {
  it.each([
    ["consistent", withFailed(20, 10, 10), undefined],
    ["more bad requests than requests", withFailed(21, 10, 10), "more bad events than events"],
    ["more bad sessions than sessions", withFailed(20, 11, 10), "more bad events than events"],
    ["more first ones than bad sessions", withFailed(20, 9, 10), "more bad events than events"],
    ["more sessions than requests", at25({ ...side(10), requests: 9 }), "more sessions than"],
    ["fractions", at25({ ...side(10), requests: 20.5 }), "counts that are none"],
    ["negative counts", withFailed(-1, 0, 0), "counts that are none"],
  ])("are checked: %s", (_, counts, expected) => {
    if (expected === undefined) expect(inconsistency(counts)).toBeUndefined();
    else expect(inconsistency(counts)).toContain(expected);
  });

  it("may only grow", () => {
    expect(counterReset(at25(side(10)), at25(side(10)))).toBeUndefined();
    expect(counterReset(at25(side(10)), at25(side(11)))).toBeUndefined();
    expect(counterReset(at25(side(10)), at25(side(9)))).toContain("V2 at 25 % went back");
    expect(counterReset(withFailed(3, 2, 1), withFailed(3, 1, 1))).toContain("went back");
    expect(counterReset(at25(side(10)), {})).toContain("V1 at 25 % went back");
  });

  it("have a control only where both sides are served", () => {
    const both = { v1: side(1), v2: side(1) };
    expect(controlledPercentages({ "100": both, "50": both, "5": both, "0": both })).toEqual([
      5, 50,
    ]);
  });
});
