import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { defaultFlags } from "../../infra/rollout/flags.ts";
import {
  commandedPercentage,
  effectivePercentage,
  isPercentage,
  splitWeights,
} from "../../infra/rollout/percentage.ts";
import { profileNames, stageTable } from "../../infra/rollout/stages.ts";

const stages = stageTable("accelerated");
const on = { ...defaultFlags, poolV2Enabled: true };

describe("isPercentage", () => {
  it.each([0, 1, 99, 100])("accepts %d", (value) => {
    expect(isPercentage(value)).toBe(true);
  });

  it.each([-1, 101, 0.5, Number.NaN, Number.POSITIVE_INFINITY, "5", null, undefined, true])(
    "refuses %j",
    (value) => {
      expect(isPercentage(value)).toBe(false);
    },
  );
});

describe("splitWeights", () => {
  it("always sums to 100 and gives V2 the percentage", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 100 }), (percentage) => {
        const weights = splitWeights(percentage);
        expect(weights).toEqual({ v2: percentage, v1: 100 - percentage });
        expect(weights.v1 + weights.v2).toBe(100);
      }),
    );
  });

  it.each([-1, 101, 12.5, Number.NaN])("refuses %d", (percentage) => {
    expect(() => splitWeights(percentage)).toThrow(/integer from 0 to 100/);
  });
});

describe("commandedPercentage", () => {
  it.each(profileNames)("is the stage's while V2 is enabled (profile %s)", (profile) => {
    for (const stage of stageTable(profile)) {
      expect(commandedPercentage(stage, on, "inline")).toBe(stage.percentage);
    }
  });

  it("is 0 while V2 is disabled or callers go past the router, except where V1 is gone", () => {
    for (const profile of profileNames) {
      for (const stage of stageTable(profile)) {
        const expected = stage.name === "retired" ? 100 : 0;
        expect(commandedPercentage(stage, defaultFlags, "inline")).toBe(expected);
        expect(commandedPercentage(stage, on, "beside")).toBe(expected);
        expect(commandedPercentage(stage, defaultFlags, "beside")).toBe(expected);
      }
    }
  });
});

describe("effectivePercentage", () => {
  it.each(stages.map(({ name, percentage }) => [name, percentage] as const))(
    "is what is commanded at %s, and 0 with the brake engaged unless V1 is gone",
    (stage, percentage) => {
      expect(effectivePercentage({ stage, percentage }, false)).toBe(percentage);
      expect(effectivePercentage({ stage, percentage }, true)).toBe(stage === "retired" ? 100 : 0);
    },
  );
});
