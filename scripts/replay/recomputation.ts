import type { EvaluationState } from "../../infra/rollout/evidence/evaluate.ts";
import type { VerdictKind } from "../../infra/rollout/evidence/findings.ts";
import { recompute, sameJson } from "../../infra/rollout/evidence/journal.ts";
import type { JournaledVerdict, Recomputed } from "../../infra/rollout/evidence/journal.ts";
import type { VerdictPlace } from "../lib/journal-reader.ts";

/** A value that came out differently. */
export interface Difference {
  /** Where it is: `verdict.kind`, or `start.state…` for what the evaluation started from. */
  readonly path: string;
  /** JSON of the value; absent where there is none. */
  readonly journaled: string | undefined;
  readonly recomputed: string | undefined;
}

/** A verdict that came out differently. */
export interface Mismatch {
  readonly attempt: string;
  readonly writer: string;
  readonly sequence: number;
  /** Time of the evaluation, ISO 8601. */
  readonly at: string;
  /** The first of them. */
  readonly differences: readonly Difference[];
}

/** What became of the verdicts of one attempt. */
export interface AttemptReplay {
  readonly attempt: string;
  readonly verdicts: number;
  readonly kinds: Readonly<Partial<Record<VerdictKind, number>>>;
  /** Time of the first and the last evaluation, ISO 8601. */
  readonly first: string;
  readonly last: string;
  /** Verdicts that came out differently. */
  readonly mismatches: number;
  /** Verdicts that could not be recomputed, because rows before them are missing. */
  readonly notReplayable: number;
}

interface Tally {
  verdicts: number;
  kinds: Partial<Record<VerdictKind, number>>;
  first: number;
  last: number;
  mismatches: number;
  notReplayable: number;
}

/** How many mismatches are described, and how many differences of each. */
const described = { mismatches: 10, differences: 5 };

/** Recomputes verdicts as they come, and counts what came out. */
export class Recomputation {
  private readonly tallies = new Map<string, Tally>();
  private readonly found: Mismatch[] = [];
  private readonly pending: JournaledVerdict[] = [];
  private readonly recomputed = recompute(this.entries());
  /** State after the last verdict, from which the next of its chain starts; undefined where it is not known. */
  private state: (VerdictPlace & { readonly after: EvaluationState }) | undefined;

  /** What came out, by attempt, in the order of the first verdicts. */
  get attempts(): readonly AttemptReplay[] {
    return [...this.tallies]
      .sort(([, a], [, b]) => a.first - b.first)
      .map(([attempt, tally]) => ({
        ...tally,
        attempt,
        first: new Date(tally.first).toISOString(),
        last: new Date(tally.last).toISOString(),
      }));
  }

  /** The first mismatches, in the order in which they came. */
  get mismatches(): readonly Mismatch[] {
    return this.found;
  }

  /**
   * Recomputes the next verdict.
   *
   * @param counts whether it counts, or is only needed by those after it
   */
  add(entry: JournaledVerdict, counts: boolean): void {
    this.pending.push(entry);
    const { value } = this.recomputed.next() as { value: Recomputed };
    if (counts) this.count(value);
    const { writer, sequence } = entry;
    this.state = value.state && { writer, sequence, after: value.state };
  }

  private count(recomputed: Recomputed): void {
    const { journaled, verdict, same } = recomputed;
    const { attempt, at } = journaled.row;
    const tally = this.tallyOf(attempt, at);
    const { kind } = journaled.verdict;
    tally.verdicts += 1;
    tally.kinds[kind] = (tally.kinds[kind] ?? 0) + 1;
    tally.first = Math.min(tally.first, at);
    tally.last = Math.max(tally.last, at);
    if (verdict === undefined) tally.notReplayable += 1;
    else if (!same) {
      tally.mismatches += 1;
      if (this.found.length < described.mismatches) this.found.push(this.describe(recomputed));
    }
  }

  private describe({ journaled, verdict }: Recomputed): Mismatch {
    const { writer, sequence, row, start } = journaled;
    const { state } = this;
    const follows = state?.writer === writer && state.sequence === sequence - 1;
    const differences = [
      ...differ("verdict", journaled.verdict, verdict),
      ...(start === null || !follows ? [] : differ("start.state", start.state, state.after)),
    ].slice(0, described.differences);
    return {
      attempt: row.attempt,
      writer,
      sequence,
      at: new Date(row.at).toISOString(),
      differences,
    };
  }

  private tallyOf(attempt: string, at: number): Tally {
    let tally = this.tallies.get(attempt);
    if (tally === undefined) {
      tally = { verdicts: 0, kinds: {}, first: at, last: at, mismatches: 0, notReplayable: 0 };
      this.tallies.set(attempt, tally);
    }
    return tally;
  }

  /** `recompute` takes one entry for each that it gives back; there is always one when it is asked. */
  private *entries(): Generator<JournaledVerdict> {
    for (let entry; (entry = this.pending.shift()) !== undefined;) yield entry;
  }
}

/** Where two JSON values differ, as deep as they have the same structure. */
function* differ(path: string, journaled: unknown, recomputed: unknown): Generator<Difference> {
  if (sameJson(journaled, recomputed)) return;
  if (!isStructure(journaled) || !isStructure(recomputed)) {
    yield { path, journaled: JSON.stringify(journaled), recomputed: JSON.stringify(recomputed) };
    return;
  }
  for (const key of new Set([...Object.keys(journaled), ...Object.keys(recomputed)])) {
    yield* differ(`${path}.${key}`, journaled[key], recomputed[key]);
  }
}

function isStructure(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
