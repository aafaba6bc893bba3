import type { DecisionLine } from "../../infra/rollout/decision-log.ts";
import type { Environment } from "../local/environment.ts";
import type { FaultPlan } from "./fault-plans.ts";
import { isByGuard } from "../../infra/rollout/brake.ts";
import { leadingReport } from "../lib/guards.ts";
import { guardPods } from "./guard-pods.ts";
import { faultUrls, setPoolFaults } from "./pool-faults.ts";
import type { RequestRecord } from "./records.ts";
import type { RunningStack } from "./running-stack.ts";

/** What came of a planned failure. */
export interface FaultResult {
  readonly name: string;
  readonly stage: string;
  /** Whether a guard had to pull the brake, and whether one did. */
  readonly expected: boolean;
  readonly braked: boolean;
  /** From the end of V2's first bad request until every router applied 0 %; null without a brake. */
  readonly firstBadToZeroSeconds: number | null;
  /** Requests that callers saw fail: 5xx, 424, or no answer. */
  readonly failedRequests: number;
  /** Ids of the guards' engagements. */
  readonly engagements: readonly string[];
}

/** What else is broken while V2 (or both sides) fail. */
export interface Circumstance {
  begin(): Promise<void>;
  /** Mends it. */
  end(): Promise<void>;
}

/** Seconds after a fault in which callers may still get answers that it has spoilt. */
const echoSeconds = 2;

/** Between two rounds of telling the pods of a lasting fault, milliseconds. */
const tellAgain = 1_000;

/** What a trial works with. */
interface Trial {
  readonly environment: Environment;
  readonly stack: RunningStack;
  readonly plan: FaultPlan;
  /** Of V1. */
  readonly p95Milliseconds: number;
  readonly circumstance?: Circumstance;
}

/** Makes V2 (or both sides) fail under load, and waits for the guards; afterwards all is as it was before. */
export async function tryFault(trial: Trial): Promise<FaultResult> {
  const { environment, stack, plan, p95Milliseconds, circumstance } = trial;
  const { observed, commands, accounting } = stack;
  const { percentage = 0 } = observed.rollout ?? {};
  const lines: DecisionLine[] = [];
  const records: RequestRecord[] = [];
  const forget = [
    stack.onLine((line) => line.decided === "v2" && lines.push(line)),
    stack.onRequest((record) => records.push(record)),
  ];
  const addresses = () =>
    Promise.all(plan.sides.map((side) => faultUrls(commands, side))).then((urls) => urls.flat());
  // Asked before anything breaks: whoever knows the pods may be away then.
  const atFirst = await addresses();
  const tell = async (faults: ReturnType<FaultPlan["faults"]>): Promise<void> => {
    const urls = plan.lasting === true ? await addresses() : atFirst;
    await setPoolFaults(environment, urls, faults);
  };
  const known = new Set(observed.guardEngagements);
  const endFaults = accounting.expectFaults();
  let faultyAt = Infinity;
  let telling = true;
  let zeroAt: number | undefined;
  try {
    await circumstance?.begin();
    faultyAt = Date.now();
    await tell(plan.faults(p95Milliseconds));
    const told = keepTelling();
    zeroAt = plan.expected
      ? await observed
          .until("a guard to brake", plan.seconds, () => brakedByGuard(stack))
          .catch(() => undefined)
      : await stack.hold(plan.seconds).then(() => brakedByGuard(stack));
    telling = false;
    await told;
  } finally {
    telling = false;
    await tell({});
    await circumstance?.end();
    await stack.hold(echoSeconds);
    endFaults();
    for (const end of forget) end();
  }
  const firstBad = Math.min(
    ...lines
      .filter((line) => line.startTime >= faultyAt && plan.isBad(line))
      .map(({ startTime, durationMs }) => startTime + durationMs),
  );
  if (zeroAt !== undefined) await releaseGuards(stack, percentage);
  return {
    name: plan.name,
    stage: plan.stage,
    expected: plan.expected,
    braked: zeroAt !== undefined,
    firstBadToZeroSeconds:
      zeroAt === undefined || !Number.isFinite(firstBad)
        ? null
        : Math.round(zeroAt - firstBad) / 1000,
    failedRequests: records.filter(
      ({ status, intendedAt, verdict }) =>
        intendedAt >= faultyAt && (status >= 500 || status === 0 || verdict === "unexpectedStatus"),
    ).length,
    engagements: [...observed.guardEngagements].filter((id) => !known.has(id)),
  };

  async function keepTelling(): Promise<void> {
    while (plan.lasting === true && telling) {
      await stack.hold(tellAgain / 1000);
      if (telling) await tell(plan.faults(p95Milliseconds));
    }
  }
}

/** Since when every router applies 0 % under an engagement of a guard; undefined while one does not. */
function brakedByGuard({ observed }: RunningStack): number | undefined {
  const byGuard = observed.reports.some(({ brake }) => brake.engagements.some(isByGuard));
  return byGuard ? observed.brakedSince() : undefined;
}

/** Releases as a person does who has repaired V2, above p5 too, and waits until another attempt has begun. */
async function releaseGuards(stack: RunningStack, percentage: number): Promise<void> {
  const { commands, observed } = stack;
  const attemptName = async () => leadingReport((await guardPods(commands)) ?? [])?.attempt?.name;
  const attempt = await attemptName();
  const reason = ["--reason", "drill: V2 is repaired", "--force", "--yes"];
  await commands.stackVerb("release", reason);
  // Where V2 has crashed, the raise waits for a pod that is ready.
  await observed.until(`every router to apply ${percentage} % again`, 90, () =>
    observed.convergedSince(percentage),
  );
  for (let tries = 0; tries < 20 && (await attemptName()) === attempt; tries += 1) {
    await stack.hold(0.5);
  }
}
