import { remove, set } from "./bad-input.ts";
import type { BadInput } from "./bad-input.ts";

/** Unknown keys, stages, ladders, profiles and flags. */
export const badRollout: Readonly<Record<string, BadInput>> = {
  "an unknown key": {
    change: { speed: "9" },
    key: "speed",
    value: "is not a key of this program",
    allowed: "must be one of stage, profile, stages, flags, pool, v1, v2, router, images, database",
    fix: "pulumi config rm pool-migration:speed",
  },
  "a misspelt top-level key": {
    change: { satge: "p5" },
    key: "satge",
    value: "is not a key of this program",
    allowed: "did you mean pool-migration:stage",
    fix: "pulumi config rm pool-migration:satge",
  },
  "a flag in another spelling": {
    change: { "flags/pool_v2_enabled": true },
    key: "flags.pool_v2_enabled",
    value: "is not a key of this program",
    allowed: "did you mean pool-migration:flags.poolV2Enabled",
    fix: remove("flags.pool_v2_enabled"),
  },
  "the percentage as a flag": {
    change: { "flags/gradual_rollout_percentage": 5 },
    key: "flags.gradual_rollout_percentage",
    value: "cannot be set, because the percentage follows from the stage",
    allowed: "set the stage instead",
    fix: `${remove("flags.gradual_rollout_percentage")} && pulumi config set pool-migration:stage p5`,
  },
  "101 %": {
    change: { stages: [{ name: "p101", percentage: 101 }] },
    key: "stages[0].percentage",
    value: "is 101,",
    allowed: "must be an integer from 1 to 100",
    fix: set("stages[0].percentage", "5"),
  },
  "a fraction of a per cent": {
    change: { stages: [{ name: "p2", percentage: 2.5 }] },
    key: "stages[0].percentage",
    value: "is 2.5,",
    allowed: "must be an integer from 1 to 100",
    fix: set("stages[0].percentage", "5"),
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
    key: "stages[1].name",
    value: 'is "p5", which names a stage that the ladder already has',
    allowed: "use each name once",
    fix: remove("stages[1]"),
  },
  "a ladder that falls": {
    change: {
      stages: [
        { name: "p25", percentage: 25 },
        { name: "p10", percentage: 10 },
        { name: "p100", percentage: 100 },
      ],
    },
    key: "stages[1].percentage",
    value: "is 10, which does not rise above the 25 % before it",
    allowed: "use percentages that rise from stage to stage",
    fix: set("stages[1].percentage", "26"),
  },
  "a ladder that does not end at 100 %": {
    change: { stages: [{ name: "p25", percentage: 25 }] },
    key: "stages",
    value: "does not end at 100 %",
    allowed: 'must have a last stage {"name": "p100", "percentage": 100}',
    fix: `${set("stages[1].name", "p100")} && ${set("stages[1].percentage", "100")}`,
  },
  "a stage whose name is not its percentage": {
    change: {
      stages: [
        { name: "canary", percentage: 25 },
        { name: "p100", percentage: 100 },
      ],
    },
    key: "stages[0].name",
    value: 'is "canary", which does not fit its percentage, 25',
    allowed: 'use "p25"',
    fix: set("stages[0].name", "p25"),
  },
  "a stage without a dwell that the profile lacks": {
    change: {
      stages: [
        { name: "p25", percentage: 25 },
        { name: "p30", percentage: 30, approval: false },
        { name: "p100", percentage: 100 },
      ],
    },
    key: "stages[1].dwellMinutes",
    value: "is missing",
    allowed: "use minutes, 0 or more",
    fix: set("stages[1].dwellMinutes", "60"),
  },
  "a map where a ladder belongs": {
    change: { stages: { name: "p100" } },
    key: "stages",
    value: "is a map,",
    allowed: "must be a list whose items are a map of name, percentage, dwellMinutes, approval",
    fix: "pulumi config rm pool-migration:stages",
  },
  "an unknown stage": {
    change: { stage: "canary" },
    key: "stage",
    value: 'is "canary",',
    allowed: "must be a stage: baseline, shadow, p5, p10, p25, p50, p75, p100, retired",
    fix: "pulumi config set pool-migration:stage p5",
  },
  "a stage of another ladder": {
    change: { stage: "p33" },
    key: "stage",
    value: 'is "p33",',
    allowed: "must be a stage of the ladder in force: baseline, shadow, p5,",
    fix: "pulumi config set pool-migration:stage p5",
  },
  "a stage given as a number": {
    change: { stage: "5" },
    key: "stage",
    value: 'is "5",',
    allowed: "must be a stage: baseline,",
    fix: "pulumi config set pool-migration:stage p5",
  },
  "an unknown profile": {
    change: { profile: "careful" },
    key: "profile",
    value: 'is "careful",',
    allowed: "must be accelerated, production, rehearsal",
    fix: "pulumi config set pool-migration:profile accelerated",
  },
  "retirement while V2 is switched off": {
    change: { stage: "retired", flags: {} },
    key: "flags.poolV2Enabled",
    value: "is false,",
    allowed: "must be true at stage retired, because V1 is gone there",
    fix: set("flags.poolV2Enabled", "true"),
  },
  "a flag that is neither true nor false": {
    change: { "flags/telemetryV2": "yes" },
    key: "flags.telemetryV2",
    value: 'is "yes",',
    allowed: "must be true or false",
    fix: set("flags.telemetryV2", "true"),
  },
};
