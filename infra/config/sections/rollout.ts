import { z } from "zod";

import type { BooleanFlagName } from "../../rollout/flags.ts";
import { baselineStage, profileNames } from "../../rollout/stages.ts";
import { key } from "../key-info.ts";
import { boolean, integer, onOff, oneOf } from "../values.ts";

const flagDescriptions: Readonly<Record<BooleanFlagName, string>> = {
  poolV2Enabled: "Whether V2 takes traffic at all; off means 0 % at every stage.",
  enhancedWorkers: "Whether V2 uses its enhanced workers.",
  circuitBreaker: "Whether V2 uses its circuit breaker.",
  telemetryV2: "Whether V2 sends its own telemetry.",
  poolOptimizer: "Whether V2 resizes its pool of workers by itself.",
};

const flag = (name: BooleanFlagName) =>
  key(boolean().default(false), {
    description: flagDescriptions[name],
    allowed: onOff,
    example: "true",
  });

/** What is declared about the traffic: the stage, the ladder that it belongs to, and the flags. */
export const rolloutSections = {
  stage: key(z.string().default(baselineStage), {
    description:
      "Declared stage: baseline, shadow, p5, p10, p25, p50, p75, p100 or retired (other percentages through stages).",
    allowed: "the name of a stage of the ladder in force",
    example: "p5",
  }),
  profile: key(z.enum(profileNames).default("accelerated"), {
    description:
      "Ladder in force: accelerated (hours), production (weeks and approvals) or rehearsal (seconds).",
    allowed: oneOf(profileNames),
    example: "accelerated",
  }),
  stages: z
    .array(
      z.strictObject({
        name: key(z.string(), {
          description: "Name of the stage.",
          absent: "the profile's",
          allowed: "p<percentage>",
          example: "p5",
        }),
        percentage: key(integer(1, 100), {
          description: "Share of the sessions that V2 serves, per cent.",
          absent: "the profile's",
          allowed: "an integer from 1 to 100",
          example: "5",
        }),
        dwellMinutes: key(integer(0, 525_600).optional(), {
          description: "Shortest stay before the next stage; without it that of the profile.",
          absent: "the profile's",
          allowed: "a whole number of minutes from 0 to 525600",
          example: "60",
        }),
        approval: key(boolean().optional(), {
          description: "Whether people approve the entry; without it that of the profile.",
          absent: "the profile's",
          allowed: onOff,
          example: "true",
        }),
      }),
    )
    .default([]),
  flags: z.strictObject({
    poolV2Enabled: flag("poolV2Enabled"),
    enhancedWorkers: flag("enhancedWorkers"),
    circuitBreaker: flag("circuitBreaker"),
    telemetryV2: flag("telemetryV2"),
    poolOptimizer: flag("poolOptimizer"),
  }),
} as const;
