import type { Progress } from "../../local/progress.ts";
import type { Environment } from "../../local/environment.ts";
import { plannedFault } from "../../rehearsal/fault-plans.ts";
import { tryFault } from "../../rehearsal/fault-trial.ts";
import { defaultShape } from "../../rehearsal/load-plan.ts";
import type { RunningStack } from "../../rehearsal/running-stack.ts";
import { quantile } from "../statistics.ts";
import { migrateHealthily, type HealthyMigrations } from "./healthy-migration.ts";

/** How soon the guards take a failing V2 off traffic, and whether they leave a healthy one there. */
export interface Detection {
  readonly stage: string;
  readonly requestsPerSecond: number;
  readonly faults: readonly DetectedFault[];
  readonly healthy: HealthyMigrations;
}

/** One failure, tried several times. */
export interface DetectedFault {
  readonly name: MeasuredFault;
  /** Medians over all tries; seconds are null where that one was not braked. */
  readonly firstBadToZeroSeconds: number | null;
  readonly failedRequests: number;
  readonly figures: readonly {
    /** From the end of V2's first bad answer until every router applied 0 %; null without a brake. */
    readonly firstBadToZeroSeconds: number | null;
    /** Requests that callers saw fail. */
    readonly failedRequests: number;
  }[];
}

const stage = "p10";
const requestsPerSecond = 100;
const repetitions = 5;

/** Names of the planned failures that are measured. */
export const measuredFaults = ["V2 fails always", "V2 fails 20 %"] as const;
type MeasuredFault = (typeof measuredFaults)[number];

/** Seconds of load before a failure: the evidence of a new attempt begins with healthy sessions, as in reality. */
const calmSeconds = 5;
const shadowSeconds = 15;

/** Breaks V2 at 10 % again and again, then migrates healthy ones, under load. */
export async function measureDetection(
  environment: Environment,
  stack: RunningStack,
  progress: Progress,
): Promise<Detection> {
  await progress.step("Stages shadow and p10, under load", async () => {
    await stack.enter("shadow");
    await stack.startLoad({ ...defaultShape, rate: requestsPerSecond });
    // The threshold of `slow` is frozen from V1's answers here.
    await stack.hold(shadowSeconds);
    await stack.enter(stage);
  });
  const faults: DetectedFault[] = [];
  for (const name of measuredFaults) {
    faults.push(
      await progress.step(`${name}, at ${stage}`, (detail) =>
        tryRepeatedly(name, environment, stack, detail),
      ),
    );
  }
  const healthy = await migrateHealthily(stack, progress);
  await stack.stopLoad();
  return { stage, requestsPerSecond, faults, healthy };
}

async function tryRepeatedly(
  name: MeasuredFault,
  environment: Environment,
  stack: RunningStack,
  detail: (text: string) => void,
): Promise<DetectedFault> {
  const plan = { ...plannedFault(name), stage };
  const figures: DetectedFault["figures"][number][] = [];
  while (figures.length < repetitions) {
    detail(`${figures.length + 1} of ${repetitions}`);
    await stack.hold(calmSeconds);
    const result = await tryFault({ environment, stack, plan, p95Milliseconds: 0 });
    const { firstBadToZeroSeconds, failedRequests } = result;
    figures.push({ firstBadToZeroSeconds, failedRequests });
  }
  return summarizeFault(name, figures);
}

/** Medians; a try without a brake counts as one that took for ever. */
export function summarizeFault(
  name: MeasuredFault,
  figures: DetectedFault["figures"],
): DetectedFault {
  const seconds = quantile(
    figures.map((figure) => figure.firstBadToZeroSeconds ?? Infinity),
    0.5,
  );
  return {
    name,
    firstBadToZeroSeconds: Number.isFinite(seconds) ? seconds : null,
    failedRequests: quantile(
      figures.map(({ failedRequests }) => failedRequests),
      0.5,
    ),
    figures,
  };
}
