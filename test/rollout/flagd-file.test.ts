import { FlagdCore } from "@openfeature/flagd-core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { flagdFile, poolFlags } from "../../infra/rollout/flagd-file.ts";
import { booleanFlagNames, defaultFlags, readFlag } from "../../infra/rollout/flags.ts";

/** What a pool that reads the file finds, by the evaluation that the flagd project itself publishes. */
function read(file: string): FlagdCore {
  const core = new FlagdCore();
  core.setConfigurations(file);
  return core;
}

const enabled = { ...defaultFlags, poolV2Enabled: true };

const anyFlags = fc.record(
  Object.fromEntries(booleanFlagNames.map((name) => [name, fc.boolean()])) as Record<
    (typeof booleanFlagNames)[number],
    fc.Arbitrary<boolean>
  >,
);

describe("flagdFile", () => {
  it("is read back by flagd-core flag by flag, whatever is set", () => {
    fc.assert(
      fc.property(anyFlags, fc.boolean(), (flags, fallback) => {
        const core = read(flagdFile(flags));
        for (const [configured, name] of poolFlags) {
          expect(core.resolveBooleanEvaluation(name, fallback)).toMatchObject({
            value: flags[configured],
            variant: flags[configured] ? "on" : "off",
            reason: "STATIC",
          });
        }
      }),
    );
  });

  it("holds the four flags of the pools and no other: the router alone decides who gets traffic", () => {
    const names = ["circuit_breaker", "enhanced_workers", "pool_optimizer", "telemetry_v2"];
    const core = read(flagdFile(enabled));
    expect([...core.getFlags().keys()].sort()).toEqual(names);
    expect(flagdFile(defaultFlags)).not.toMatch(/percentage|enabled"/);
  });

  it.each(["pool_v2_enabled", "gradual_rollout_percentage", "nothing", "toString", ""])(
    "has no flag %j, which reads as false in the pools as it does here",
    (name) => {
      const core = read(flagdFile(enabled));
      expect(core.resolveBooleanEvaluation(name, false)).toMatchObject({
        value: false,
        errorCode: "FLAG_NOT_FOUND",
      });
      expect(readFlag(enabled, name)).toBe(false);
    },
  );

  it("is the same text for the same flags, so that an update without a change changes nothing", () => {
    const { poolOptimizer, ...others } = { ...defaultFlags, poolOptimizer: true };
    expect(flagdFile({ poolOptimizer, ...others })).toBe(flagdFile({ ...others, poolOptimizer }));
  });
});
