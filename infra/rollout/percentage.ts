import type { RouterEntry } from "./entry.ts";
import type { Flags } from "./flags.ts";
import type { RolloutRecord } from "./rollout-record.ts";
import { retiredStage } from "./stages.ts";
import type { Stage } from "./stages.ts";

/** Whether a value is a share of traffic that the router can express: an integer from 0 to 100. */
export function isPercentage(value: unknown): boolean {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= 100;
}

/** @throws RangeError when the value is not an integer from 0 to 100 */
export function assertPercentage(value: number): void {
  if (!isPercentage(value)) {
    throw new RangeError(`${value} is not a percentage: use an integer from 0 to 100.`);
  }
}

/**
 * Weights of the two arms. They always sum to 100: a changing total would move sessions that the percentage did not
 * cross (the bucket is taken modulo the total). The router must list V2 first, so that V2 owns the low buckets.
 *
 * @throws RangeError when the percentage is not an integer from 0 to 100
 */
export function splitWeights(percentage: number): { readonly v2: number; readonly v1: number } {
  assertPercentage(percentage);
  return { v2: percentage, v1: 100 - percentage };
}

/**
 * Percentage that the stack commands: the stage's, and 0 while `poolV2Enabled` is off or the callers go past the
 * router. Without V1 there is nothing to fall back to, so stage `retired` commands 100 whatever flag and entry say.
 */
export function commandedPercentage(
  stage: Pick<Stage, "name" | "percentage">,
  flags: Pick<Flags, "poolV2Enabled">,
  entry: RouterEntry,
): number {
  if (stage.name === retiredStage) return 100;
  return flags.poolV2Enabled && entry === "inline" ? stage.percentage : 0;
}

/**
 * Percentage that the router should apply: what the stack commands, and 0 while the brake is engaged. At stage
 * `retired` the brake has no effect: V1, where it would send the traffic, is gone.
 */
export function effectivePercentage(
  commanded: Pick<RolloutRecord, "stage" | "percentage">,
  brakeEngaged: boolean,
): number {
  if (commanded.stage === retiredStage) return 100;
  return brakeEngaged ? 0 : commanded.percentage;
}
