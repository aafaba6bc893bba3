import type { Environment } from "../local/environment.ts";
import type { Progress } from "../local/progress.ts";
import { brakeDirectly, type DirectBrakeTrial } from "./direct-brake.ts";
import { enterAndLeave, type EntryTrial } from "./entry-trial.ts";
import { drillFaults } from "./fault-drill.ts";
import { rehearsedFaults } from "./fault-plans.ts";
import type { FaultResult } from "./fault-trial.ts";
import type { EnteredStage, RunningStack } from "./running-stack.ts";
import type { StageStay } from "./stage-result.ts";

/** What was seen on the way, besides what the accounting holds. */
export interface Walk {
  /** In the order of the walk. */
  readonly stays: readonly StageStay[];
  /** How many of the stays, from the first, belong to the way up. */
  readonly rising: number;
  readonly entry: EntryTrial;
  readonly brake: BrakeTrial;
  readonly directBrake: DirectBrakeTrial;
  readonly brokenImage: BrokenImageTrial;
  readonly faults: readonly FaultResult[];
}

/** The brake, pulled and released once. */
interface BrakeTrial {
  /** From the start of the verb `brake` until every replica reported 0 %. */
  readonly engageToZeroSeconds: number;
  /** From the start of the verb `release` until every replica reported the stage's percentage. */
  readonly releaseSeconds: number;
  /** resourceVersion of `rollout` at the time. */
  readonly resourceVersion: string;
}

/** An image of V2 that does not exist, and traffic lowered in spite of it. */
interface BrokenImageTrial {
  /** The `up` that broke the image failed, and so did the one that lowered the traffic. */
  readonly upFailed: boolean;
  /** Every replica applied 0 % at the end of the failed `up`. */
  readonly appliedZero: boolean;
  /** From the start of the lowering `up` until every replica reported 0 %. */
  readonly toZeroSeconds: number;
  /** resourceVersion of `rollout` with the lowered percentage. */
  readonly resourceVersion: string;
}

/** How the walk is made. */
export interface WalkOptions {
  readonly stack: RunningStack;
  readonly progress: Progress;
  readonly environment: Environment;
  /** Token of the direct brake. */
  readonly brakeToken: string;
  /** Starts the load, once the first stage is up. */
  readonly startLoad: () => Promise<void>;
  /** Seconds of load at each stage, after every replica applies it. */
  readonly holdSeconds: number;
  /** The image that V2 is to have. */
  readonly v2Image: string;
}

/** A reference that no registry has. */
const missingImage = "docker.io/local/pool-v2:does-not-exist";

/** Seconds of load while the brake is engaged, and after its release. */
const brakeHoldSeconds = 3;

/** Moves the traffic from V1 to V2 and back, stage by stage, under load. */
export async function walkStages(options: WalkOptions): Promise<Walk> {
  const { stack, progress } = options;
  const baseline = await progress.step("Stage baseline, the router beside the path", async () => {
    await stack.commands.setConfig({ "router.entry": "beside" });
    return await stack.enter("baseline");
  });
  await options.startLoad();
  const entry = await enterAndLeave(options);
  const stays = [
    await progress.step("Stage baseline, the router in the path", () => stay(options, baseline)),
  ];
  const faults: FaultResult[] = [];
  for (const stage of ["shadow", "p5", "p10", "p25", "p50"]) {
    stays.push(await visit(options, stage));
    faults.push(
      ...(await drillFaults(
        options,
        rehearsedFaults.filter((plan) => plan.stage === stage),
      )),
    );
  }
  const brake = await pullAndReleaseBrake(options);
  const directBrake = await brakeDirectly(options);
  for (const stage of ["p75", "p100"]) stays.push(await visit(options, stage));
  const rising = stays.length;

  stays.push(await visit(options, "p25"));
  const brokenImage = await breakImage(options);
  await stack.commands.setConfig({ "v2.image": options.v2Image });
  for (const stage of ["p25", "shadow"]) stays.push(await visit(options, stage));
  return { stays, rising, entry, brake, directBrake, brokenImage, faults };
}

async function visit(options: WalkOptions, stage: string): Promise<StageStay> {
  return await options.progress.step(`Stage ${stage}`, async (detail) => {
    detail("pulumi config set stage, pulumi up");
    const entered = await options.stack.enter(stage);
    detail(`${describe(entered)}; ${options.holdSeconds} s of load`);
    return await stay(options, entered);
  });
}

async function stay(
  { stack, holdSeconds }: WalkOptions,
  entered: EnteredStage,
): Promise<StageStay> {
  await stack.holdQuickly(holdSeconds);
  return stack.leave(entered);
}

async function pullAndReleaseBrake({ stack, progress }: WalkOptions): Promise<BrakeTrial> {
  return await progress.step("Brake pulled and released", async (detail) => {
    const { observed, commands } = stack;
    const { percentage = 0, resourceVersion = "" } = observed.rollout ?? {};
    detail("npm run brake");
    const pulledAt = Date.now();
    await commands.stackVerb("brake", ["--reason", "rehearsal: brake"]);
    const zeroAt = await observed.until("every router to brake", 10, () => observed.brakedSince());
    detail("0 % applied");
    await stack.hold(brakeHoldSeconds);
    detail("npm run release");
    const releasedAt = Date.now();
    await commands.stackVerb("release", ["--reason", "rehearsal: release", "--yes"]);
    const backAt = await observed.until(`every router to apply ${percentage} % again`, 10, () =>
      observed.convergedSince(percentage),
    );
    await stack.hold(brakeHoldSeconds);
    return {
      engageToZeroSeconds: (zeroAt - pulledAt) / 1000,
      releaseSeconds: (backAt - releasedAt) / 1000,
      resourceVersion,
    };
  });
}

async function breakImage({ stack, progress }: WalkOptions): Promise<BrokenImageTrial> {
  return await progress.step("V2's image broken, traffic lowered all the same", async (detail) => {
    const { commands, observed } = stack;
    await commands.setConfig({ "v2.image": missingImage });
    detail("pulumi up with an image that does not exist");
    const breaking = await commands.up({ mayFail: true });
    detail("pulumi up at stage shadow, the image still missing");
    const begunAt = Date.now();
    const lowered = await stack.enter("shadow", { mayFail: true });
    const zeroAt = observed.convergedSince(0);
    await stack.hold(brakeHoldSeconds);
    return {
      upFailed: breaking.code !== 0 && lowered.up.code !== 0,
      appliedZero: observed.appliedPercentage === 0,
      toZeroSeconds: ((zeroAt ?? Infinity) - begunAt) / 1000,
      resourceVersion: lowered.resourceVersion,
    };
  });
}

function describe({ commandedPercent, upSeconds, convergenceSeconds }: EnteredStage): string {
  return `up ${upSeconds} s, ${commandedPercent} % applied after ${convergenceSeconds} s`;
}
