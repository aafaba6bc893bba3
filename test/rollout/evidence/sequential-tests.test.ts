import fc from "fast-check";
import { describe, expect, it } from "vitest";

import {
  absoluteLogEValue,
  toleratedShare,
} from "../../../infra/rollout/evidence/absolute-test.ts";
import { budget } from "../../../infra/rollout/evidence/budget.ts";
import { smallestHarmExcluded } from "../../../infra/rollout/evidence/harm-excluded.ts";
import { shareOfBad } from "../../../infra/rollout/evidence/likelihood.ts";
import { relativeLogEValue } from "../../../infra/rollout/evidence/relative-test.ts";
import { largestRatio, rateRatio } from "../../../infra/rollout/evidence/request-ratio.ts";
import {
  badSessionsNeeded,
  ratioToDetect,
  sessionsNeeded,
} from "../../../infra/rollout/evidence/sessions-needed.ts";
import { ladderSetting } from "../../../infra/rollout/evidence/settings.ts";

/** Probabilities of 0 to n successes. */
function binomial(n: number, p: number): number[] {
  const all = [(1 - p) ** n];
  for (let k = 1; k <= n; k += 1) all.push(((all[k - 1] ?? 0) * (n - k + 1) * p) / (k * (1 - p)));
  return all;
}

/** Exact mean of an e-value over independent Bernoulli sessions. */
function meanOf(
  [n1, p1]: readonly [number, number],
  [n2, p2]: readonly [number, number],
  logEValue: (k1: number, k2: number) => number,
): number {
  const first = binomial(n1, p1);
  const second = binomial(n2, p2);
  return first.reduce(
    (sum, q1, k1) =>
      sum + second.reduce((inner, q2, k2) => inner + q1 * q2 * Math.exp(logEValue(k1, k2)), 0),
    0,
  );
}

describe("relative test", () => {
  const relative = (percentage: number) => (v1: number, v2: number) =>
    relativeLogEValue([{ percentage, v1, v2 }], 1.2);

  it.each([5, 10, 25, 50, 75])(
    "has a mean of at most 1 at %s % for ratios up to 1.2",
    (percentage) => {
      const n2 = percentage;
      const n1 = 100 - percentage;
      for (const p1 of [0.001, 0.01, 0.1, 0.5]) {
        for (const ratio of [0.5, 1, 1.2]) {
          const mean = meanOf([n1, p1], [n2, ratio * p1], relative(percentage));
          expect(mean).toBeLessThanOrEqual(1 + 1e-9);
        }
      }
      expect(meanOf([n1, 0.01], [n2, 0.05], relative(percentage))).toBeGreaterThan(1.05);
    },
  );

  it("has factors with a mean of exactly 1 where V2's share of the bad is that of the tolerated ratio", () => {
    for (const percentage of [5, 25, 75]) {
      const share = shareOfBad(percentage, 1.2);
      const mean =
        share * Math.exp(relative(percentage)(0, 1)) +
        (1 - share) * Math.exp(relative(percentage)(1, 0));
      expect(mean).toBeCloseTo(1, 12);
    }
  });

  it("grows with V2's bad sessions, falls with V1's, and says nothing without any", () => {
    const counts = fc.record({
      percentage: fc.integer({ min: 1, max: 99 }),
      v1: fc.nat(500),
      v2: fc.nat(500),
    });
    fc.assert(
      fc.property(fc.array(counts, { minLength: 1, maxLength: 5 }), ([first, ...rest]) => {
        const base = first ?? { percentage: 5, v1: 0, v2: 0 };
        const at = (v1: number, v2: number) =>
          relativeLogEValue([{ ...base, v1, v2 }, ...rest], 1.2);
        expect(at(base.v1, base.v2 + 1)).toBeGreaterThan(at(base.v1, base.v2));
        expect(at(base.v1 + 1, base.v2)).toBeLessThan(at(base.v1, base.v2));
      }),
    );
    expect(relativeLogEValue([{ percentage: 5, v1: 0, v2: 0 }], 1.2)).toBe(0);
  });

  it("does not overflow", () => {
    const result = relativeLogEValue([{ percentage: 50, v1: 0, v2: 1_000_000 }], 1.2);
    expect(result).toBeCloseTo(1_000_000 * Math.log(shareOfBad(50, 30) / shareOfBad(50, 1.2)), -2);
  });

  it("agrees with the plain formula", () => {
    const ratios = [1.5, 2, 3, 5, 10, 30];
    const plain = ratios.reduce((sum, ratio) => {
      const [t, t0] = [shareOfBad(10, ratio), shareOfBad(10, 1.2)];
      return sum + ((t / t0) ** 4 * ((1 - t) / (1 - t0)) ** 3) / ratios.length;
    }, 0);
    expect(Math.exp(relative(10)(3, 4))).toBeCloseTo(plain, 10);
  });
});

describe("absolute test", () => {
  it("tolerates the larger of three times V1's share and 14.4 times the error budget", () => {
    expect(toleratedShare(0, 0.999)).toBeCloseTo(0.0144, 12);
    expect(toleratedShare(0.1, 0.999)).toBeCloseTo(0.3, 12);
    expect(toleratedShare(0.5, 0.999)).toBe(1);
  });

  it.each([0.0144, 0.144, 0.3, 0.6])(
    "has a mean of at most 1 up to a share of %s, and exactly 1 there",
    (tolerated) => {
      const meanAt = (share: number) =>
        meanOf([1, 0], [60, share], (_, bad) => absoluteLogEValue(60, bad, tolerated));
      expect(meanAt(tolerated)).toBeCloseTo(1, 8);
      expect(meanAt(tolerated / 2)).toBeLessThan(1);
      const worse = Math.min(0.95, 2 * tolerated);
      expect(meanAt(worse)).toBeGreaterThan(1);
    },
  );

  it("says nothing where no alternative is left", () => {
    expect(absoluteLogEValue(100, 100, 0.95)).toBe(0);
  });
});

describe("budget", () => {
  it("is 1/1,200 and 1/7,200 by default and adds up to the bound", () => {
    const { cumulative, stage, slis } = budget(1, "hold", 5);
    expect({ cumulative, stage, slis: slis.length }).toEqual({
      cumulative: 1200,
      stage: 7200,
      slis: 4,
    });
    for (const [notFound, stages] of [
      ["hold", 5],
      ["hold", 9],
      ["rollback", 6],
    ] as const) {
      const split = budget(1, notFound, stages);
      const perSli = 1 / split.cumulative + (2 * stages) / split.stage;
      expect(split.slis.length * perSli).toBeLessThanOrEqual(0.01 + 1e-12);
    }
  });
});

describe("sessions needed", () => {
  it("are 11, 22, 38 and 97 bad ones on the default ladder", () => {
    const needed = [5, 10, 25, 50].map((percentage) =>
      badSessionsNeeded(
        percentage,
        ratioToDetect(ladderSetting.default, percentage) ?? 0,
        1.2,
        1200,
      ),
    );
    expect(needed).toEqual([11, 22, 38, 97]);
  });

  it("are 6,467 at 50 % where 0.5 % of V1's sessions fail, and are floored by the SLO", () => {
    expect(sessionsNeeded(97, 3, 0.005, 0.999)).toBe(6467);
    expect(sessionsNeeded(97, 3, 0, 0.999)).toBe(32_334);
    expect(sessionsNeeded(97, 3, 0.9, 0.999)).toBe(97);
  });

  it("follow the rung below, and only time counts above 50 %", () => {
    const of = (percentage: number) => ratioToDetect(ladderSetting.default, percentage);
    expect([1, 5, 24, 49, 50, 51, 75, 100, 0].map(of)).toEqual([
      10,
      10,
      5,
      4,
      3,
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });
});

describe("smallest harm excluded", () => {
  const excluded = (v1: number, v2: number) => smallestHarmExcluded([{ percentage: 50, v1, v2 }]);

  it("shrinks with evidence that V2 is no worse", () => {
    expect([0, 5, 10, 50, 500].map((bad) => excluded(bad, bad))).toEqual([undefined, 7, 4, 2, 1.3]);
  });

  it("is wrong in at most 5 % of cases at its own ratio", () => {
    const ratio = 3;
    const share = shareOfBad(50, ratio);
    const wrong = binomial(60, share).reduce(
      (sum, q, bad) => ((excluded(60 - bad, bad) ?? 1000) <= ratio ? sum + q : sum),
      0,
    );
    expect(wrong).toBeGreaterThan(0);
    expect(wrong).toBeLessThanOrEqual(0.05);
  });
});

describe("rate ratio", () => {
  const stratum = (bad1: number, all1: number, bad2: number, all2: number) => ({
    v1: { bad: bad1, all: all1 },
    v2: { bad: bad2, all: all2 },
  });

  it("is the plain ratio in one stratum", () => {
    expect(rateRatio([stratum(10, 1000, 30, 500)])).toBeCloseTo(6, 12);
    expect(rateRatio([stratum(10, 1000, 0, 500)])).toBe(0);
    expect(rateRatio([stratum(0, 1000, 3, 500)])).toBe(largestRatio);
    expect(rateRatio([])).toBe(0);
  });

  it("is not misled by an outage of both sides at a small percentage", () => {
    const outage = stratum(475, 9500, 25, 500);
    const worse = stratum(25, 5000, 75, 5000);
    const pooled = (25 + 75) / 5500 / ((475 + 25) / 14_500);
    expect(pooled).toBeLessThan(1);
    expect(rateRatio([outage, worse])).toBeCloseTo((25 * 0.95 + 37.5) / (475 * 0.05 + 12.5), 12);
    expect(rateRatio([outage, worse])).toBeGreaterThan(1.2);
    expect(rateRatio([worse])).toBeCloseTo(3, 12);
  });
});
