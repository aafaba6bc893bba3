import type { Logger } from "pino";
import type { Attempt } from "../../../infra/rollout/evidence/attempt.ts";
import { newerAttempt } from "../../../infra/rollout/evidence/attempt.ts";
import { nextAttempt } from "../../../infra/rollout/evidence/attempt-course.ts";
import type { AttemptObservation } from "../../../infra/rollout/evidence/attempt-course.ts";
import type { Collector } from "./collector.ts";
import type { Journal } from "./journal/journal.ts";
import type { Judge } from "./judge.ts";
import type { Leadership } from "./leadership.ts";
import type { SnapshotFile } from "./snapshot.ts";
import type { StageWatch } from "./stage-watch.ts";

/** First and longest pause before the journal is read back once more, doubled each time; milliseconds. */
const restorePause = { first: 5_000, longest: 300_000 };

/** What belongs to an attempt. */
interface AttemptKeeperOptions {
  readonly collector: Collector;
  readonly judge: Judge;
  readonly stages: StageWatch;
  readonly journal: Journal;
  readonly snapshots: SnapshotFile;
  readonly log: Logger;
}

/**
 * Keeps to the attempt in force. A guard that comes later than the attempt began takes up what is known of it: what its own
 * container left behind, else what the journal holds. Until it has that, it judges by what the routers that are there
 * know, and says that this is not all.
 */
export class AttemptKeeper {
  private readonly options: AttemptKeeperOptions;
  private readonly startedAt = Date.now();
  private attempt: Attempt | undefined;
  private restoring: string | undefined;
  private nextTryAt = -Infinity;
  private pause = restorePause.first;

  constructor(options: AttemptKeeperOptions) {
    this.options = options;
  }

  /** The attempt in force; undefined: none is known. */
  get current(): Attempt | undefined {
    return this.attempt;
  }

  /** Follows the newest attempt that anybody has heard of. */
  follow(heard: Attempt | undefined): void {
    const newest = newerAttempt(this.attempt, heard);
    if (newest === undefined || newest.version === this.attempt?.version) return;
    const before = this.attempt;
    this.attempt = newest;
    if (newest.name === before?.name) return;
    const { collector, stages, log } = this.options;
    log.info({ attempt: newest.name, why: newest.why }, "an attempt is in force");
    collector.begin(newest);
    stages.forgetV2();
    this.restoring = undefined;
    if (newest.since < this.startedAt) this.takeUp(newest);
  }

  /** Lets the holder of the Lease decide what becomes of the attempt. */
  async decide(leadership: Leadership, seen: AttemptObservation): Promise<void> {
    const next = nextAttempt(this.attempt, seen);
    if (next !== undefined && (await leadership.name(next))) this.follow(next);
  }

  /** Tries once more to read the journal back, where that is needed. */
  async restore(): Promise<void> {
    const name = this.restoring;
    if (name === undefined || Date.now() < this.nextTryAt) return;
    this.nextTryAt = Date.now() + this.pause;
    this.pause = Math.min(2 * this.pause, restorePause.longest);
    const { journal, collector, stages, log } = this.options;
    if (!journal.enabled) return;
    try {
      const restored = await journal.restore(name);
      if (this.restoring !== name || this.attempt === undefined) return;
      if (restored === undefined) {
        // Whoever knows more may still have it on disk.
        log.warn({ attempt: name }, "the journal holds nothing of this attempt yet");
        return;
      }
      this.restoring = undefined;
      const { row, cursors, sessions } = restored;
      const { counts, complete, stage } = row;
      collector.begin(this.attempt, { counts, complete, cursors, sessions });
      stages.resume(stage);
      log.info({ attempt: name, at: row.at }, "the evidence of the attempt is read back");
    } catch (error) {
      log.warn({ error: String(error) }, "the journal cannot be read back; it is tried again");
    }
  }

  private takeUp(attempt: Attempt): void {
    const { snapshots, collector, judge, stages, log } = this.options;
    try {
      const snapshot = snapshots.read();
      if (snapshot?.attempt.name === attempt.name) {
        collector.begin(attempt, snapshot.collected);
        if (snapshot.state !== null) judge.resume(snapshot.state);
        stages.resume(snapshot.stage);
        log.info({ attempt: attempt.name }, "the evidence of the attempt is taken up");
        return;
      }
    } catch (error) {
      log.error({ error: String(error) }, "what was kept of the attempt cannot be read");
    }
    collector.union.complete = false;
    this.restoring = attempt.name;
    this.nextTryAt = -Infinity;
    this.pause = restorePause.first;
  }
}
