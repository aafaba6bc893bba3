import type { DecisionLine } from "../../infra/rollout/decision-log.ts";
import type { Environment } from "../local/environment.ts";
import type { Progress } from "../local/progress.ts";
import type { FaultPlan } from "./fault-plans.ts";
import type { FaultResult } from "./fault-trial.ts";
import { tryFault } from "./fault-trial.ts";
import type { RunningStack } from "./running-stack.ts";

/** What a drill works with. */
export interface DrillOptions {
  readonly environment: Environment;
  readonly stack: RunningStack;
  readonly progress: Progress;
}

/** Seconds of load before a failure: V1's times are taken from it, and the evidence of a new attempt begins. */
const calmSeconds = 3;

/** Tries the failures that are planned for the stage at which the stack is, one after the other. */
export async function drillFaults(
  { environment, stack, progress }: DrillOptions,
  plans: readonly FaultPlan[],
): Promise<FaultResult[]> {
  const results: FaultResult[] = [];
  for (const plan of plans) {
    results.push(
      await progress.step(`Fault at ${plan.stage}: ${plan.name}`, async (detail) => {
        const p95 = await v1Percentile95(stack);
        detail(`V1's p95 is ${p95} ms; waiting for the guards`);
        return await tryFault({ environment, stack, plan, p95Milliseconds: p95 });
      }),
    );
  }
  return results;
}

/** V1's 95th percentile over a few seconds of load, milliseconds. */
async function v1Percentile95(stack: RunningStack): Promise<number> {
  const durations: number[] = [];
  const forget = stack.onLine(({ served, durationMs }: DecisionLine) => {
    if (served === "v1") durations.push(durationMs);
  });
  await stack.hold(calmSeconds);
  forget();
  durations.sort((a, b) => a - b);
  return durations[Math.ceil(0.95 * durations.length) - 1] ?? 0;
}
