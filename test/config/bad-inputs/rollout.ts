import type { BadInput } from "./bad-input.ts";

/** Unknown keys, stages, ladders, profiles and flags. */
export const badRollout: Readonly<Record<string, BadInput>> = {
  "an unknown key": {
    change: { speed: "9" },
    message:
      "pool-migration:speed is not a key of this program, but must be one of stage, profile, stages, flags, pool, v1, v2, router, images, database, thresholds, evidence, guard, aws, archive; run: pulumi config rm pool-migration:speed",
  },
  "a misspelt top-level key": {
    change: { satge: "p5" },
    message:
      "pool-migration:satge is not a key of this program; did you mean pool-migration:stage (allowed: stage, profile, stages, flags, pool, v1, v2, router, images, database, thresholds, evidence, guard, aws, archive); run: pulumi config rm pool-migration:satge",
  },
  "a flag in another spelling": {
    change: { "flags/pool_v2_enabled": true },
    message:
      "pool-migration:flags.pool_v2_enabled is not a key of this program; did you mean pool-migration:flags.poolV2Enabled (allowed: poolV2Enabled, enhancedWorkers, circuitBreaker, telemetryV2, poolOptimizer); run: pulumi config rm --path 'pool-migration:flags.pool_v2_enabled'",
  },
  "the percentage as a flag": {
    change: { "flags/gradual_rollout_percentage": 5 },
    message:
      "pool-migration:flags.gradual_rollout_percentage cannot be set, because the percentage follows from the stage: set the stage instead; run: pulumi config rm --path 'pool-migration:flags.gradual_rollout_percentage' && pulumi config set pool-migration:stage p5",
  },
  "101 %": {
    change: { stages: [{ name: "p101", percentage: 101 }] },
    message:
      "pool-migration:stages[0].percentage is 101, but must be an integer from 1 to 100; run: pulumi config set --path 'pool-migration:stages[0].percentage' 5",
  },
  "a fraction of a per cent": {
    change: { stages: [{ name: "p2", percentage: 2.5 }] },
    message:
      "pool-migration:stages[0].percentage is 2.5, but must be an integer from 1 to 100; run: pulumi config set --path 'pool-migration:stages[0].percentage' 5",
  },
  "two stages with one name": {
    change: {
      stages: [
        { name: "p5", percentage: 5 },
        { name: "p5", percentage: 5 },
        { name: "p100", percentage: 100 },
      ],
      stage: "p5",
    },
    message:
      "pool-migration:stages[1].name is \"p5\", which names a stage that the ladder already has; use each name once; run: pulumi config rm --path 'pool-migration:stages[1]'",
  },
  "a ladder that falls": {
    change: {
      stages: [
        { name: "p25", percentage: 25 },
        { name: "p10", percentage: 10 },
        { name: "p100", percentage: 100 },
      ],
    },
    message:
      "pool-migration:stages[1].percentage is 10, which does not rise above the 25 % before it; use percentages that rise from stage to stage; run: pulumi config set --path 'pool-migration:stages[1].percentage' 26",
  },
  "a ladder that does not end at 100 %": {
    change: { stages: [{ name: "p25", percentage: 25 }] },
    message:
      'pool-migration:stages does not end at 100 %, but must have a last stage {"name": "p100", "percentage": 100}; run: pulumi config set --path \'pool-migration:stages[1].name\' p100 && pulumi config set --path \'pool-migration:stages[1].percentage\' 100',
  },
  "a stage whose name is not its percentage": {
    change: {
      stages: [
        { name: "canary", percentage: 25 },
        { name: "p100", percentage: 100 },
      ],
    },
    message:
      'pool-migration:stages[0].name is "canary", which does not fit its percentage, 25; use "p25"; run: pulumi config set --path \'pool-migration:stages[0].name\' p25',
  },
  "a stage without a dwell that the profile lacks": {
    change: {
      stages: [
        { name: "p25", percentage: 25 },
        { name: "p30", percentage: 30, approval: false },
        { name: "p100", percentage: 100 },
      ],
    },
    message:
      "pool-migration:stages[1].dwellMinutes is missing, and the profile accelerated has no stage p30 to take it from; use minutes, 0 or more; run: pulumi config set --path 'pool-migration:stages[1].dwellMinutes' 60",
  },
  "a map where a ladder belongs": {
    change: { stages: { name: "p100" } },
    message:
      "pool-migration:stages is a map, but must be a list whose items are a map of name, percentage, dwellMinutes, approval; run: pulumi config rm pool-migration:stages",
  },
  "an unknown stage": {
    change: { stage: "canary" },
    message:
      'pool-migration:stage is "canary", but must be a stage: baseline, shadow, p5, p10, p25, p50, p75, p100, retired; run: pulumi config set pool-migration:stage p5',
  },
  "a stage of another ladder": {
    change: { stage: "p33" },
    message:
      'pool-migration:stage is "p33", but must be a stage of the ladder in force: baseline, shadow, p5, p10, p25, p50, p75, p100, retired; run: pulumi config set pool-migration:stage p5',
  },
  "a stage given as a number": {
    change: { stage: "5" },
    message:
      'pool-migration:stage is "5", but must be a stage: baseline, shadow, p5, p10, p25, p50, p75, p100, retired; run: pulumi config set pool-migration:stage p5',
  },
  "an unknown profile": {
    change: { profile: "careful" },
    message:
      'pool-migration:profile is "careful", but must be accelerated, production or rehearsal; run: pulumi config set pool-migration:profile accelerated',
  },
  "retirement while V2 is switched off": {
    change: { stage: "retired", flags: {} },
    message:
      "pool-migration:flags.poolV2Enabled is false, but must be true at stage retired, because V1 is gone there; run: pulumi config set --path 'pool-migration:flags.poolV2Enabled' true",
  },
  "a flag that is neither true nor false": {
    change: { "flags/telemetryV2": "yes" },
    message:
      "pool-migration:flags.telemetryV2 is \"yes\", but must be true or false; run: pulumi config set --path 'pool-migration:flags.telemetryV2' true",
  },
};
