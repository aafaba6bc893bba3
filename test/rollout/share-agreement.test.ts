import { describe, expect, it } from "vitest";
import { shareAgrees, shareTolerance } from "../../infra/rollout/share-agreement.ts";

describe("the observed share of sessions", () => {
  it("may differ by four standard deviations of a binomial share", () => {
    // 4 · sqrt(0.25 · 0.75 / 1200) = 5.0 points
    expect(shareTolerance(25, 1200)).toBeCloseTo(5, 10);
    expect(shareAgrees(25, { v1: 841, v2: 359 })).toBe(true);
    expect(shareAgrees(25, { v1: 839, v2: 361 })).toBe(false);
    expect(shareAgrees(25, { v1: 961, v2: 239 })).toBe(false);
  });

  it("may not differ at all at 0 % and 100 %", () => {
    expect(shareAgrees(0, { v1: 1000, v2: 0 })).toBe(true);
    expect(shareAgrees(0, { v1: 100_000, v2: 1 })).toBe(false);
    expect(shareAgrees(100, { v1: 0, v2: 1000 })).toBe(true);
    expect(shareAgrees(100, { v1: 1, v2: 100_000 })).toBe(false);
  });

  it("agrees with nothing when no session was seen", () => {
    for (const percentage of [0, 50, 100]) {
      expect(shareAgrees(percentage, { v1: 0, v2: 0 })).toBe(false);
    }
  });
});
