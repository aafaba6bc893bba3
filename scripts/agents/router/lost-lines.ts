import type { LossState } from "./agent-state.ts";
import type { EnvoyView } from "./envoy-admin.ts";

/** Envoy's count at an instant, and the lines read since then that belong to later requests. */
interface Sample {
  readonly time: number;
  readonly completed: number;
  linesAfter: number;
}

/** A line that belongs this much later shows that all earlier ones are written. Milliseconds. */
const orderMargin = 1_000;

/** After this a sample is judged with what has been read. Milliseconds. */
const patience = 30_000;

/** Two starts of Envoy further apart than this are two processes; it tells its age in whole seconds. */
const startTolerance = 2_000;

/**
 * Counts the requests that Envoy finished and whose lines never came.
 *
 * Envoy counts a request at once and writes its line later, so the two cannot be compared directly under load. Each
 * sample of the counter is compared with the lines of requests that ended before it, once all of those must have
 * been read: when a line of a request that ended a second later was read (lines are written in order), or when Envoy
 * had nothing left to write and the reader was at the end. The result is a lower bound that is exact whenever
 * traffic rests for a few milliseconds.
 */
export class LostLines {
  private readonly state: LossState;
  private samples: Sample[] = [];
  /** Samples of a process that ended, and the lines before it. */
  private ended: { samples: Sample[]; linesBefore: number; lost: number } | undefined;
  private newestEnd = 0;

  constructor(state: LossState) {
    this.state = state;
  }

  /** Lines lost since the pod started. */
  get total(): number {
    return this.state.lostEarlier + this.state.lost;
  }

  /**
   * Takes a line that was read.
   *
   * @param end end of its request, milliseconds since 1970
   */
  line(end: number): void {
    for (const sample of this.samples) if (end > sample.time) sample.linesAfter += 1;
    for (const sample of this.ended?.samples ?? []) if (end > sample.time) sample.linesAfter += 1;
    if (end > this.newestEnd) this.newestEnd = end;
  }

  /**
   * Takes Envoy's count, before the lines that followed it are read.
   *
   * @param linesRead lines read so far since the pod started
   */
  sample({ start, time, completed }: EnvoySample, linesRead: number): void {
    const { state } = this;
    const sameProcess =
      Math.abs(start - state.envoyStart) < startTolerance &&
      completed >= state.lastSample.completed;
    if (!sameProcess) {
      if (state.envoyStart !== 0) this.endProcess();
      state.envoyStart = start;
    }
    state.lastSample = { completed, linesRead };
    this.samples.push({ time, completed, linesAfter: 0 });
  }

  /**
   * Judges the samples that can be judged. To be called when the log was read to its end after `sample`.
   *
   * @param view what Envoy said last; undefined when it does not answer
   * @param linesRead lines read so far since the pod started
   */
  settle(
    view: Pick<EnvoyView, "completed" | "unwrittenBytes" | "time"> | undefined,
    linesRead: number,
  ): void {
    const { state } = this;
    if (this.ended !== undefined) {
      const { samples, linesBefore, lost } = this.ended;
      const missing = samples.map((sample) => missingLines(sample, linesRead - linesBefore));
      state.lostEarlier += Math.max(0, ...missing.map((lines) => lines - lost));
      this.ended = undefined;
    }
    const now = Date.now();
    this.samples = this.samples.filter((sample) => {
      const resting =
        view !== undefined &&
        view.time > sample.time &&
        view.unwrittenBytes === 0 &&
        view.completed === sample.completed;
      const complete =
        resting || this.newestEnd >= sample.time + orderMargin || now - sample.time > patience;
      if (complete) {
        const missing = missingLines(sample, linesRead - state.linesBefore);
        state.lost = Math.max(state.lost, missing);
      }
      return !complete;
    });
  }

  /**
   * A new process counts from 0. Lines of the old one that were read after its last sample cannot be told from the
   * new one's and are taken for those: that can hide a loss around a crash, never invent one.
   */
  private endProcess(): void {
    const { state } = this;
    this.ended = { samples: this.samples, linesBefore: state.linesBefore, lost: state.lost };
    this.samples = [];
    state.lostEarlier += state.lost;
    state.lost = 0;
    state.linesBefore = state.lastSample.linesRead;
  }
}

type EnvoySample = Pick<EnvoyView, "start" | "time" | "completed">;

function missingLines(sample: Sample, linesOfProcess: number): number {
  return sample.completed - (linesOfProcess - sample.linesAfter);
}
