import type { Counts } from "./counts.ts";
import { evaluate } from "./evaluate.ts";
import type { EvaluationSettings, EvaluationState, Verdict } from "./evaluate.ts";
import type { EvidenceRow } from "./row.ts";

/**
 * A verdict as it is journaled, with everything it rests on. The verdicts of one writer are a chain: each starts from the
 * state after the one before.
 */
export interface JournaledVerdict {
  /** Guard and begin of its chain. */
  readonly writer: string;
  /** Place in the chain, from 1, without gaps. */
  readonly sequence: number;
  /** The row; of its counts only those of percentages at which something changed since the one before in the chain. */
  readonly row: EvidenceRow;
  readonly verdict: Verdict;
  /** What the evaluation started from, where the chain begins or can be entered; null elsewhere. */
  readonly start: ChainStart | null;
  /** Session events that were new since the one before, base64; at the begin of a chain all of the attempt. */
  readonly sessions: string;
  /** Number of each router's last record that is counted. */
  readonly cursors: Readonly<Record<string, number>>;
}

/** From what a chain can be recomputed. */
interface ChainStart {
  /** State before the row; null: none. */
  readonly state: EvaluationState | null;
  readonly settings: EvaluationSettings;
  /** All counts of the row. */
  readonly counts: Counts;
}

/** Counts of the percentages at which something changed. */
export function changedCounts(before: Counts, now: Counts): Counts {
  return Object.fromEntries(
    Object.entries(now).filter(([percentage, sides]) => before[percentage] !== sides),
  );
}

/** A recomputed verdict. */
export interface Recomputed {
  readonly journaled: JournaledVerdict;
  /** The whole row. */
  readonly row: EvidenceRow;
  /** Undefined where the chain cannot be entered here: rows before its start are missing. */
  readonly verdict: Verdict | undefined;
  readonly state: EvaluationState | undefined;
  /** Whether both verdicts are the same, bit for bit, and so is the state where the chain could be entered. */
  readonly same: boolean;
}

/**
 * Recomputes verdicts, chain by chain, from nothing but the journal.
 *
 * @param journaled in the order of their sequence within each writer
 */
export function* recompute(journaled: Iterable<JournaledVerdict>): Generator<Recomputed> {
  const chains = new Map<string, Chain>();
  for (const entry of journaled) {
    const before = chains.get(entry.writer);
    const chain = follow(before, entry);
    if (chain === undefined) {
      chains.delete(entry.writer);
      const nothing = { verdict: undefined, state: undefined, same: false };
      yield { journaled: entry, row: entry.row, ...nothing };
      continue;
    }
    const row = { ...entry.row, counts: chain.counts };
    const { verdict, state } = evaluate(chain.state, row, chain.settings);
    chains.set(entry.writer, { ...chain, state });
    const { start } = entry;
    const same =
      sameJson(verdict, entry.verdict) &&
      (start === null || sameJson(start.state, chain.state ?? null));
    yield { journaled: entry, row, verdict, state, same };
  }
}

interface Chain {
  readonly sequence: number;
  readonly attempt: string;
  readonly state: EvaluationState | undefined;
  readonly settings: EvaluationSettings;
  readonly counts: Counts;
}

/** The chain with this entry's counts, before its evaluation; undefined where it cannot be followed. */
function follow(before: Chain | undefined, entry: JournaledVerdict): Chain | undefined {
  const { sequence, start, row } = entry;
  const place = { sequence, attempt: row.attempt };
  if (before?.sequence === sequence - 1) {
    const known = before.attempt === row.attempt ? before.counts : {};
    return { ...before, ...place, counts: { ...known, ...row.counts } };
  }
  if (start === null) return undefined;
  const { state, settings, counts } = start;
  return { ...place, state: state ?? undefined, settings, counts };
}

/** Whether two values have the same JSON, whatever the order of their keys. */
export function sameJson(a: unknown, b: unknown): boolean {
  return JSON.stringify(a, sortKeys) === JSON.stringify(b, sortKeys);
}

function sortKeys(_key: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
