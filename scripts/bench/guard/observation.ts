import { setTimeout as sleep } from "node:timers/promises";
import type { GuardReport } from "../../../infra/rollout/guard-report.ts";
import { cpuSeconds } from "../router/cpu-time.ts";
import { EvaluationClock } from "./evaluation-times.ts";
import type { EvaluationTimes } from "./evaluation-times.ts";
import { faults } from "./evidence-check.ts";
import type { Observed } from "./evidence-check.ts";
import { processMemory, waitingSeconds } from "./process-usage.ts";
import type { GuardProcess, WorldProcess } from "./processes.ts";

/** Between two looks: less than between two evaluations. Milliseconds. */
const lookMilliseconds = 400;

/** Longest waits for the guard's first complete figures of the pods, and for the last evidence to come in; seconds. */
const figuresPatience = 30;
const endPatience = 10;

/** What is seen of the guard during the measured time. */
export interface Observation extends Pick<Observed, "seconds" | "begin" | "end" | "reports"> {
  readonly evaluations: EvaluationTimes;
  /** CPU time of the guard as a share of a core. */
  readonly coreShare: number;
  /** Share of the time in which the guard, and the agents, could have run and had no core. */
  readonly waiting: { readonly guard: number; readonly agents: number };
}

/** Waits until the guard has got everything that it asks for, at most for a while. */
export async function untilFaultless(guard: GuardProcess, signal: AbortSignal): Promise<void> {
  const end = performance.now() + figuresPatience * 1000;
  while (performance.now() < end) {
    const { report } = await guard.look();
    if (report !== undefined && faults(report.verdict).length === 0) return;
    await sleep(lookMilliseconds, undefined, { signal });
  }
}

/**
 * Looks at the guard again and again.
 *
 * @param measuredSeconds how long
 * @param detail takes what is shown meanwhile
 */
export async function observe(
  world: WorldProcess,
  guard: GuardProcess,
  measuredSeconds: number,
  detail: (text: string) => void,
  signal: AbortSignal,
): Promise<Observation> {
  const clock = new EvaluationClock();
  const reports = new Map<number, GuardReport>();
  const look = async () => {
    const { metrics, report } = await guard.look();
    if (report === undefined) throw new Error("The guard has not evaluated anything.");
    clock.look(metrics, report.at);
    reports.set(report.at, report);
  };
  const usage = () => [guard.pid, world.pid].map(waitingSeconds).concat(cpuSeconds(guard.pid));
  await look();
  const begin = await world.account();
  const [begun, before] = [performance.now(), usage()];
  const secondsSince = () => (performance.now() - begun) / 1000;
  while (secondsSince() < measuredSeconds) {
    await sleep(lookMilliseconds, undefined, { signal });
    const { peak } = processMemory(guard.pid);
    detail(`${secondsSince().toFixed(0)} s, ${peak.toFixed(0)} MiB at most`);
    await look();
  }
  const [seconds, after, end] = [secondsSince(), usage(), await world.account()];
  const share = (index: number) => ((after[index] ?? 0) - (before[index] ?? 0)) / seconds;
  return {
    ...{ seconds, begin, end, reports: [...reports.values()] },
    evaluations: clock.summary,
    coreShare: share(2),
    waiting: { guard: share(0), agents: share(1) },
  };
}

/** Ends the load, and waits until the guard knows of all that was decided, at most for a while. */
export async function settle(world: WorldProcess, guard: GuardProcess, signal: AbortSignal) {
  await world.end();
  await world.reaches("over", endPatience, signal);
  const { sessions: decided } = await world.account();
  const end = performance.now() + endPatience * 1000;
  for (;;) {
    const { metrics, report } = await guard.look();
    const known = (report?.rates.v1.sessions ?? 0) + (report?.rates.v2.sessions ?? 0);
    if (known >= decided || performance.now() > end) {
      return { metrics, sessions: { decided, known } };
    }
    await sleep(lookMilliseconds, undefined, { signal });
  }
}
