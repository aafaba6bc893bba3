import type { Counts } from "../../../infra/rollout/evidence/counts.ts";
import { evaluate } from "../../../infra/rollout/evidence/evaluate.ts";
import type {
  EvaluationSettings,
  EvaluationState,
  Verdict,
} from "../../../infra/rollout/evidence/evaluate.ts";
import { changedCounts } from "../../../infra/rollout/evidence/journal.ts";
import type { JournaledVerdict } from "../../../infra/rollout/evidence/journal.ts";
import type { EvidenceRow } from "../../../infra/rollout/evidence/row.ts";

/** A chain can be entered at every one of so many verdicts: what a gate recomputes at most. */
const entryEvery = 60;

/** A verdict, and whether the state after it counts: then it has to be journaled. */
export interface Judgement {
  readonly verdict: Verdict;
  readonly due: boolean;
}

/** What belongs to a verdict in the journal besides the verdict. */
type Evidence = Pick<JournaledVerdict, "sessions" | "cursors">;

/**
 * Judges row after row. Only the state after a row that is journaled is kept, so that whoever has the journal comes to
 * the same verdicts. A guard that does not journal keeps to the same times, and is ready to go on.
 */
export class Judge {
  private readonly settings: EvaluationSettings;
  private readonly journalMilliseconds: number;
  private before: EvaluationState | undefined;
  private last: { readonly at: number; readonly verdict: Verdict } | undefined;
  private pending: { readonly row: EvidenceRow; readonly verdict: Verdict } | undefined;
  private writer = "";
  private sequence = 0;
  /** Counts of the last entry, and the attempt that they belong to. */
  private entered: { readonly attempt: string; readonly counts: Counts } | undefined;
  private startState: EvaluationState | undefined;

  /** @param journalMilliseconds longest time between two journaled verdicts */
  constructor(settings: EvaluationSettings, journalMilliseconds: number) {
    this.settings = settings;
    this.journalMilliseconds = journalMilliseconds;
  }

  /** State from which the next row is judged, as it is kept over a restart. */
  get state(): EvaluationState | undefined {
    return this.before;
  }

  /** Goes on from a state that was kept. */
  resume(state: EvaluationState): void {
    this.before = state;
  }

  /** Judges a row. It is due where enough time has passed, or where the verdict is of another kind or attempt. */
  judge(row: EvidenceRow): Judgement {
    const { verdict, state } = evaluate(this.before, row, this.settings);
    const { last } = this;
    const due =
      last === undefined ||
      row.at - last.at >= this.journalMilliseconds ||
      verdict.kind !== last.verdict.kind ||
      verdict.attempt !== last.verdict.attempt;
    if (due) {
      this.startState = this.before;
      this.before = state;
      this.last = { at: row.at, verdict };
      this.pending = { row, verdict };
    }
    return { verdict, due };
  }

  /** Begins a chain: the next verdict is its first. */
  beginChain(writer: string): void {
    this.writer = writer;
    this.sequence = 0;
    this.entered = undefined;
  }

  /**
   * The verdict that was due last, for the journal.
   *
   * @param evidence what was new since the one before; at the begin of a chain all of the attempt
   * @throws RangeError where none is due
   */
  entry(evidence: Evidence): JournaledVerdict {
    const { pending } = this;
    if (pending === undefined) throw new RangeError("No verdict is due.");
    this.pending = undefined;
    const { row, verdict } = pending;
    this.sequence += 1;
    const known = this.entered?.attempt === row.attempt ? this.entered.counts : {};
    this.entered = { attempt: row.attempt, counts: row.counts };
    const start =
      this.sequence === 1 || this.sequence % entryEvery === 0
        ? { state: this.startState ?? null, settings: this.settings, counts: row.counts }
        : null;
    return {
      writer: this.writer,
      sequence: this.sequence,
      row: { ...row, counts: changedCounts(known, row.counts) },
      verdict,
      start,
      ...evidence,
    };
  }
}
