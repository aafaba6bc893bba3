import { describe, expect, it } from "vitest";

import {
  booleanFlagNames,
  defaultFlags,
  deriveFlags,
  readFlag,
  writeFlag,
} from "../../infra/rollout/flags.ts";

describe("flags", () => {
  it("are six, all off and 0 % by default", () => {
    expect(defaultFlags).toEqual({
      poolV2Enabled: false,
      enhancedWorkers: false,
      circuitBreaker: false,
      telemetryV2: false,
      poolOptimizer: false,
      gradualRolloutPercentage: 0,
    });
  });

  it.each(["nothing", "", "toString", "__proto__", "pool_v2_enabled"])(
    "read as false under the unknown name %j",
    (name) => {
      expect(readFlag({ ...defaultFlags, poolV2Enabled: true }, name)).toBe(false);
    },
  );

  it.each(booleanFlagNames)("change one at a time: %s", (name) => {
    const flags = writeFlag(defaultFlags, name, true);
    expect(flags).toEqual({ ...defaultFlags, [name]: true });
    expect(readFlag(flags, name)).toBe(true);
    expect(defaultFlags[name]).toBe(false);
  });

  it.each([0, 1, 5, 99, 100])("take %i %%", (percentage) => {
    const flags = writeFlag(defaultFlags, "gradualRolloutPercentage", percentage);
    expect(readFlag(flags, "gradualRolloutPercentage")).toBe(percentage);
  });

  it.each<[string, unknown, RegExp]>([
    ["fasterWorkers", true, /no flag "fasterWorkers": use one of poolV2Enabled, .*Percentage/],
    ["toString", true, /no flag "toString"/],
    ["poolV2Enabled", "true", /poolV2Enabled cannot be "true": use true or false/],
    ["poolV2Enabled", 1, /cannot be 1/],
    ["poolOptimizer", null, /cannot be null/],
    ["gradualRolloutPercentage", true, /cannot be true: use an integer from 0 to 100/],
    ["gradualRolloutPercentage", "5", /cannot be "5"/],
    ["gradualRolloutPercentage", -1, /cannot be -1/],
    ["gradualRolloutPercentage", 101, /cannot be 101/],
    ["gradualRolloutPercentage", 2.5, /cannot be 2.5/],
    ["gradualRolloutPercentage", Number.NaN, /use an integer/],
  ])("refuse %s = %j", (name, value, message) => {
    expect(() => writeFlag(defaultFlags, name, value)).toThrow(message);
  });

  it("take their percentage from the stage, whatever was configured", () => {
    const configured = { ...defaultFlags, telemetryV2: true, gradualRolloutPercentage: 75 };
    expect(deriveFlags(configured, { percentage: 25 })).toEqual({
      ...defaultFlags,
      telemetryV2: true,
      gradualRolloutPercentage: 25,
    });
  });
});
