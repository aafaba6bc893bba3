import fc from "fast-check";
import { describe, expect, it } from "vitest";

import {
  formatRevision,
  formatRolloutHeader,
  parseRolloutData,
  parseRolloutHeader,
  rolloutData,
} from "../../infra/rollout/rollout-record.ts";

const stageAndPercentage = fc.oneof(
  fc.constantFrom(["baseline", 0] as const, ["shadow", 0] as const, ["retired", 100] as const),
  fc
    .record({ share: fc.integer({ min: 1, max: 100 }), enabled: fc.boolean() })
    .map(({ share, enabled }) => [`p${share}`, enabled ? share : 0] as const),
);

describe("the ConfigMap rollout", () => {
  it("reads back as it was written", () => {
    fc.assert(
      fc.property(stageAndPercentage, ([stage, percentage]) => {
        expect(parseRolloutData(rolloutData(stage, percentage))).toEqual({ stage, percentage });
      }),
    );
  });

  it("is text throughout, as a ConfigMap is", () => {
    expect(rolloutData("p25", 25)).toEqual({ stage: "p25", percentage: "25" });
  });

  it.each<[string, number]>([
    ["p25", 50],
    ["p25", 25.5],
    ["p25", -25],
    ["shadow", 5],
    ["retired", 0],
    ["p0", 0],
    ["canary", 5],
  ])("is not written with stage %s and %d %%", (stage, percentage) => {
    expect(() => rolloutData(stage, percentage)).toThrow(/ConfigMap rollout/);
  });

  it.each<[Record<string, string> | undefined, RegExp]>([
    [undefined, /key stage is missing/],
    [{}, /key stage is missing/],
    [{ stage: "p5" }, /key percentage is missing/],
    [{ percentage: "5" }, /key stage is missing/],
    [
      { stage: "p5", percentage: "5", weight: "5" },
      /unknown key "weight"; use stage and percentage/,
    ],
    [
      { stage: "canary", percentage: "5" },
      /stage "canary" is none of baseline, shadow, p1 to p100/,
    ],
    [{ stage: "p5", percentage: "" }, /percentage "" is not an integer/],
    [{ stage: "p5", percentage: "05" }, /percentage "05" is not an integer/],
    [{ stage: "p5", percentage: "5 " }, /percentage "5 " is not an integer/],
    [{ stage: "p5", percentage: "5.0" }, /is not an integer/],
    [{ stage: "p5", percentage: "5abc" }, /is not an integer/],
    [{ stage: "p100", percentage: "101" }, /is not an integer from 0 to 100/],
    [{ stage: "p100", percentage: "1e2" }, /is not an integer/],
    [{ stage: "p5", percentage: "10" }, /does not belong to stage p5; use 5 or 0/],
    [{ stage: "baseline", percentage: "5" }, /does not belong to stage baseline; use 0\.$/],
    [{ stage: "retired", percentage: "0" }, /does not belong to stage retired; use 100\.$/],
  ])("is refused as %j", (data, message) => {
    expect(() => parseRolloutData(data)).toThrow(message);
  });
});

describe("the revision", () => {
  it("names both resourceVersions, 0 for what is absent", () => {
    expect(formatRevision("42", "7")).toBe("r42.7");
    expect(formatRevision("42", undefined)).toBe("r42.0");
    expect(formatRevision(undefined, undefined)).toBe("r0.0");
  });
});

describe("the header x-rollout", () => {
  it("reads back as it was written", () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), fc.integer({ min: 0, max: 100 }), (a, b, percentage) => {
        const revision = formatRevision(String(a), String(b));
        expect(parseRolloutHeader(formatRolloutHeader({ revision, percentage }))).toEqual({
          revision,
          percentage,
        });
      }),
    );
  });

  it("is not written with an impossible percentage", () => {
    expect(() => formatRolloutHeader({ revision: "r1.1", percentage: 101 })).toThrow(/0 to 100/);
  });

  it.each(["", "r1.1", "r1.1;", "r1.1;101", "r1.1;05", "r1;5", "1.1;5", "r1.1;5;5", "r1.1; 5"])(
    "is not read from %j",
    (value) => {
      expect(parseRolloutHeader(value)).toBeUndefined();
    },
  );
});
