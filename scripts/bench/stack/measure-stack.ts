import type { Environment } from "../../local/environment.ts";
import type { Progress } from "../../local/progress.ts";
import { RunningStack } from "../../rehearsal/running-stack.ts";
import { setUpStack } from "../../rehearsal/stack-set-up.ts";
import { measureBrake, type BrakeTime } from "./brake-time.ts";
import { measureDetection, type Detection } from "./detection.ts";
import { measureStageChanges, type StageChange } from "./stage-change.ts";

const stackName = "bench";
const readyTimeoutSeconds = 120;

/** Numbers of router replicas at which the brake is measured; the first is the default of a stack. */
const replicaCounts = [2, 10] as const;

/** What is measured on a stack. */
export interface StackFigures {
  readonly stageChange?: StageChange;
  readonly brake?: readonly BrakeTime[];
  readonly detection?: Detection;
}

/** What to measure, and where. */
export interface StackMeasurement {
  readonly environment: Environment;
  readonly stageChange: boolean;
  readonly brake: boolean;
  readonly detection: boolean;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/** Brings up a stack of its own, measures, and removes it. */
export async function measureStack(measurement: StackMeasurement): Promise<StackFigures> {
  const { environment, progress, signal } = measurement;
  const images = await progress.step("Images", () => environment.loadImages());
  const ready = await progress.step("Stack, database and configuration", () =>
    setUpStack({ environment, images, stack: stackName, readyTimeoutSeconds }),
  );
  const stack = new RunningStack(environment, ready, signal);
  try {
    await progress.step("Stack at p5", () => stack.enter("p5"));
    const stageChange = measurement.stageChange
      ? await measureStageChanges(stack, progress)
      : undefined;
    signal.throwIfAborted();
    const brake: BrakeTime[] = [];
    for (const replicas of measurement.brake ? replicaCounts : []) {
      brake.push(await measureBrake(stack, replicas, progress));
      signal.throwIfAborted();
    }
    const detection = measurement.detection
      ? await measureDetection(environment, stack, progress)
      : undefined;
    return {
      ...(stageChange ? { stageChange } : {}),
      ...(brake.length > 0 ? { brake } : {}),
      ...(detection ? { detection } : {}),
    };
  } finally {
    await stack.end();
    await progress.step("Remove the stack", () => ready.abandon());
  }
}
