import type { PodMetrics } from "./pool-metrics.ts";

/** A pod as the list of pods tells it. */
export interface PodState {
  readonly uid: string;
  /** Template that it was made from; undefined where nothing says so. */
  readonly build: string | undefined;
  readonly ready: boolean;
  /** Whether somebody asked it to end. */
  readonly deleted: boolean;
  /** Whether it has ended for good: evicted for want of memory, for instance. */
  readonly ended: boolean;
  /** Restarts of its containers. */
  readonly restarts: number;
}

/** A pod at one moment. */
export interface PodReading extends PodState {
  /** Undefined where its metrics could not be read, or where there are none. */
  readonly answer: PodAnswer | undefined;
}

/** What the metrics of a pod said at a time, milliseconds since 1970. */
interface PodAnswer {
  readonly at: number;
  readonly metrics: PodMetrics;
}

/** What is kept of a pod until it is read again. */
export interface PodMemory extends PodState {
  /** Last answer of the process that runs now. */
  readonly answer: PodAnswer | undefined;
  /** Workers that it had when it answered last, whichever process that was. */
  readonly workers: number | undefined;
  /** Failures that its process is known to have had; undefined where nobody has looked at a process that is older. */
  readonly counted: number | undefined;
  /** Failures since it was looked at before, those of a lost process among them. */
  readonly failures: number;
}

/**
 * What is kept of a pod from one reading to the next.
 *
 * @param first whether no pod was read before: what this one lost until its first answer may be long ago
 */
export function podMemory(
  before: PodMemory | undefined,
  reading: PodReading,
  first: boolean,
): PodMemory {
  const { uid, build, ready, deleted, ended, restarts } = reading;
  const newStarts = before === undefined ? 0 : Math.max(0, restarts - before.restarts);
  const runsOn = newStarts === 0 && !ended;
  const answer = reading.answer ?? (runsOn ? before?.answer : undefined);
  const workers = reading.answer?.metrics.workers ?? before?.workers;
  const counter = reading.answer?.metrics.workerFailures;
  const base = before !== undefined && newStarts === 0 ? before.counted : 0;
  // A pool's own count begins anew with its process, also where the list of pods does not tell of that yet.
  const more = counter === undefined || base === undefined ? 0 : counter - base;
  const unread = before === undefined && first && counter === undefined;
  const endedNow = ended && !deleted && !first && !(before?.ended ?? false);
  return {
    ...{ uid, build, ready, deleted, ended, restarts, answer, workers },
    counted: counter ?? (unread ? undefined : base),
    failures:
      (newStarts + (endedNow ? 1 : 0)) * workersOf(before) + (more < 0 ? (counter ?? 0) : more),
  };
}

/** Workers that a pool lost unasked between two readings. */
export function lostWorkers(
  before: ReadonlyMap<string, PodMemory> | undefined,
  now: ReadonlyMap<string, PodMemory>,
): number {
  let lost = 0;
  const substitutes = new Map<string | undefined, number>();
  for (const { uid, build, failures } of now.values()) {
    lost += failures;
    if (before?.has(uid) ?? true) continue;
    substitutes.set(build, (substitutes.get(build) ?? 0) + 1);
  }
  for (const pod of before?.values() ?? []) {
    if (now.has(pod.uid) || pod.deleted || pod.ended) continue;
    // A pod may be deleted and gone between two readings. Only one that is replaced by its like was not meant to go.
    const like = substitutes.get(pod.build) ?? 0;
    if (like === 0) continue;
    substitutes.set(pod.build, like - 1);
    lost += workersOf(pod);
  }
  return lost;
}

/** Workers that end with a process of a pod: as many as it had when it answered last, at least one. */
function workersOf(pod: PodMemory | undefined): number {
  return Math.max(1, pod?.workers ?? 1);
}
