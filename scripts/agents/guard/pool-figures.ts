import type { PoolFigures } from "../../../infra/rollout/evidence/row.ts";
import type { GuardPodSettings } from "../../../infra/rollout/guard-settings.ts";
import { lostWorkers, podMemory } from "./pod-memory.ts";
import type { PodMemory, PodReading } from "./pod-memory.ts";

type Limits = Pick<GuardPodSettings["v2"], "metrics" | "cpuLimitCores" | "memoryLimitBytes">;

/**
 * Makes figures of V2 from what its pods say one by one. Failures of workers add up over restarts: a process that ends takes
 * its count with it, and all of its workers as well.
 */
export class FigureAccount {
  private readonly limits: Limits;
  private known: ReadonlyMap<string, PodMemory> | undefined;
  private failures = 0;
  private last: PoolFigures | null = null;

  constructor(limits: Limits) {
    this.limits = limits;
  }

  /** The figures; null before any pod was read. They stay as old as they are while none can be read. */
  get figures(): PoolFigures | null {
    return this.last;
  }

  /** Takes a reading of all pods, made at a time in milliseconds since 1970. */
  take(readings: readonly PodReading[], at: number): void {
    const before = this.known;
    const now = new Map(
      readings.map((reading) => [
        reading.uid,
        podMemory(before?.get(reading.uid), reading, before === undefined),
      ]),
    );
    this.failures += lostWorkers(before, now);
    const shares = readings.flatMap(({ uid }) => this.cpuShare(before?.get(uid), now.get(uid)));
    this.known = now;
    if (this.limits.metrics === null) {
      const workers = readings.filter(({ ready }) => ready).length;
      this.last = { at, figures: { workers, workerFailures: this.failures } };
    } else if (readings.some(({ answer }) => answer !== undefined)) {
      this.last = { at, figures: this.sumUp(readings, [...now.values()], shares) };
    }
  }

  private sumUp(
    readings: readonly PodReading[],
    pods: readonly PodMemory[],
    shares: readonly number[],
  ): PoolFigures["figures"] {
    const answers = readings.flatMap(({ answer }) => answer?.metrics ?? []);
    const memory = mean(answers.flatMap(({ memoryBytes }) => memoryBytes ?? []));
    const cpu = mean(shares);
    // A pod that does not answer for once still has its workers.
    const workers = pods.map(({ answer }) => answer?.metrics.workers ?? 0);
    const offersWorkers = answers.every((answer) => answer.workers !== undefined);
    const offersFailures = answers.every((answer) => answer.workerFailures !== undefined);
    return {
      ...(cpu === undefined ? {} : { cpuPercent: 100 * cpu }),
      ...(memory === undefined
        ? {}
        : {
            memoryPercent: (100 * memory) / this.limits.memoryLimitBytes,
            memoryBytesPerPod: memory,
          }),
      ...(offersWorkers ? { workers: sum(workers) } : {}),
      ...(offersFailures ? { workerFailures: this.failures } : {}),
    };
  }

  /** Share of the limit that a pod used since it was read last; none where that is not known. */
  private cpuShare(before: PodMemory | undefined, now: PodMemory | undefined): number[] {
    const { cpuLimitCores } = this.limits;
    const [from, to] = [before?.answer, now?.answer];
    const [usedBefore, used] = [from?.metrics.cpuSeconds, to?.metrics.cpuSeconds];
    if (cpuLimitCores === null || from === undefined || to === undefined) return [];
    if (now?.restarts !== before?.restarts || to.at <= from.at) return [];
    if (usedBefore === undefined || used === undefined || used < usedBefore) return [];
    return [(1000 * (used - usedBefore)) / (to.at - from.at) / cpuLimitCores];
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((all, value) => all + value, 0);
}

function mean(values: readonly number[]): number | undefined {
  return values.length === 0 ? undefined : sum(values) / values.length;
}
