import type { Environment } from "../local/environment.ts";
import type { Progress } from "../local/progress.ts";
import { drillFaults } from "../rehearsal/fault-drill.ts";
import type { FaultPlan } from "../rehearsal/fault-plans.ts";
import type { FaultResult } from "../rehearsal/fault-trial.ts";
import type { LoadShape } from "../rehearsal/load-plan.ts";
import { RunningStack } from "../rehearsal/running-stack.ts";
import { setUpStack } from "../rehearsal/stack-set-up.ts";

/** What a drill of a stack of its own works with. */
export interface DrillStackOptions {
  readonly environment: Environment;
  readonly progress: Progress;
  /** In the order of their stages. */
  readonly plans: readonly FaultPlan[];
  readonly shape: LoadShape;
  readonly signal: AbortSignal;
}

/** What a drill found. */
export interface DrillResult {
  readonly faults: readonly FaultResult[];
  /** Rollbacks by guards that no planned failure of V2 asked for. */
  readonly falseRollbacks: number;
}

const stackName = "faults";

/** Seconds of load at the shadow stage, in which the threshold of `slow` is frozen, and at each other one. */
const shadowSeconds = 15;
const staySeconds = 6;

/** Longest wait for a Deployment. */
const readyTimeoutSeconds = 60;

/** Deploys a stack, takes it from stage to stage under load, breaks V2 at each as planned, and removes it. */
export async function drillStack(options: DrillStackOptions): Promise<DrillResult> {
  const { environment, progress, plans, shape, signal } = options;
  const images = await progress.step("Images", () => environment.loadImages());
  const ready = await progress.step("Stack, database and configuration", () =>
    setUpStack({ environment, images, stack: stackName, readyTimeoutSeconds }),
  );
  const stack = new RunningStack(environment, ready, signal);
  const faults: FaultResult[] = [];
  try {
    await progress.step("Stages baseline and shadow", async () => {
      await stack.enter("baseline");
      await stack.startLoad(shape);
      await stack.enter("shadow");
      await stack.hold(shadowSeconds);
    });
    for (const stage of new Set(plans.map((plan) => plan.stage))) {
      await progress.step(`Stage ${stage}`, async () => {
        await stack.enter(stage);
        await stack.hold(staySeconds);
      });
      const planned = plans.filter((plan) => plan.stage === stage);
      faults.push(...(await drillFaults({ environment, stack, progress }, planned)));
    }
    const asked = faults.filter(({ expected }) => expected).flatMap((fault) => fault.engagements);
    const all = [...stack.observed.guardEngagements];
    return { faults, falseRollbacks: all.filter((id) => !asked.includes(id)).length };
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    await stack.end();
    await progress.step("Remove the stack", () => ready.abandon());
  }
}
