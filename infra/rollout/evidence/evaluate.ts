import { budget } from "./budget.ts";
import { counterReset, inconsistency } from "./counts.ts";
import type { Counts } from "./counts.ts";
import { sourceFaults, splitFault } from "./data-faults.ts";
import type { Intervals } from "./data-faults.ts";
import { decide } from "./findings.ts";
import type { Decision, Finding } from "./findings.ts";
import { limitFindings, memoryFindings, nextStreaks } from "./limit-findings.ts";
import type { Streak } from "./limit-findings.ts";
import { excesses } from "./limits.ts";
import { memoryStart, sampleMemory } from "./memory-growth.ts";
import type { MemoryState } from "./memory-growth.ts";
import { shortEvidence, stageProgress } from "./readiness.ts";
import type { StageProgress } from "./readiness.ts";
import type { EvidenceRow, PoolFigure } from "./row.ts";
import type { EvidenceSettings, Thresholds } from "./settings.ts";
import { sliEvidence } from "./sli-evidence.ts";
import type { SliEvidence } from "./sli-evidence.ts";
import { relativeEvidence, sliFindings } from "./sli-findings.ts";
import { slis, sliVerbs } from "./slis.ts";
import { windowBetween, windowStart } from "./windows.ts";
import type { WindowStart } from "./windows.ts";

/** What an evaluation is set to; it stays the same for an attempt. */
export interface EvaluationSettings {
  readonly evidence: EvidenceSettings;
  readonly thresholds: Thresholds;
  readonly intervals: Intervals;
  /** Stages of the ladder with a percentage from 1 to 99. */
  readonly controlledStages: number;
  /** Figures that V2's metrics have to offer; none for pools without the contract. */
  readonly figures: readonly PoolFigure[];
}

/** What an evaluation hands to the next one, as plain JSON. */
export interface EvaluationState {
  readonly attempt: string;
  /** Last counts that were consistent. */
  readonly counts: Counts;
  readonly window: WindowStart;
  readonly streaks: readonly Streak[];
  readonly memory: MemoryState;
}

/** A verdict with everything it rests on, as plain JSON. */
export interface Verdict extends Decision {
  readonly attempt: string;
  readonly at: number;
  readonly evidence: readonly SliEvidence[];
  readonly progress: StageProgress;
}

/**
 * Judges one row. The same state, row and settings give the same verdict bit for bit: there is no clock, no random
 * number and no memory but the state. Only the state after a journaled row may be kept, so that replaying the journal
 * from `undefined` recomputes every verdict; an evaluation between two journaled rows drops the state it returns.
 *
 * Order of the verdict: rollback, if any complete source suffices; unknown or hold for faults of the data; hold
 * while evidence is short; else pass.
 *
 * @param before state of the row before; undefined for the first. Another attempt starts anew
 */
export function evaluate(
  before: EvaluationState | undefined,
  row: EvidenceRow,
  settings: EvaluationSettings,
): { verdict: Verdict; state: EvaluationState } {
  const { evidence: evidenceSettings, thresholds } = settings;
  const known = before?.attempt === row.attempt ? before : undefined;
  const problem = inconsistency(row.counts) ?? counterReset(known?.counts ?? {}, row.counts);
  const counts = problem === undefined ? row.counts : (known?.counts ?? {});
  const state = advance(known, row, counts, thresholds);
  const { percentage } = row.stage;

  const limits = budget(
    evidenceSettings.falseRollbackPercent,
    evidenceSettings.notFound,
    settings.controlledStages,
  );
  const slo = 1 - (100 - evidenceSettings.sloPercent) / 100;
  const evidence = slis.map((sli) =>
    sliEvidence(counts, sli, evidenceSettings.toleratedRatio, slo),
  );
  const bySli = Object.fromEntries(evidence.map((one) => [one.sli, one])) as Readonly<
    Record<string, SliEvidence>
  >;
  const relative = (sli: string) => {
    const one = bySli[sli];
    return one === undefined ? 0 : relativeEvidence(one, percentage);
  };
  const progress = stageProgress(row, counts, evidenceSettings, limits);
  const split = percentage > 0 && percentage < 100 ? splitFault(counts, percentage) : undefined;
  const findings: Finding[] = [
    ...(problem === undefined ? [] : [countFault(problem)]),
    ...sourceFaults(row, settings.intervals, settings.figures),
    ...(split === undefined ? [] : [split]),
    ...evidence.flatMap((one) => sliFindings(one, limits, evidenceSettings.toleratedRatio)),
    ...limitFindings(state.streaks, percentage, thresholds, relative),
    ...memoryFindings(state.memory, thresholds),
    ...shortEvidence(row, counts, progress, evidenceSettings.maximumHoldSeconds),
    ...evidence.flatMap(excluded),
  ];
  const verdict = { ...decide(findings), attempt: row.attempt, at: row.at, evidence, progress };
  return { verdict, state };
}

/** Ends windows that are over, begins anew with another percentage, and takes samples that are due. */
function advance(
  known: EvaluationState | undefined,
  row: EvidenceRow,
  counts: Counts,
  thresholds: Thresholds,
): EvaluationState {
  if (known === undefined) {
    return {
      attempt: row.attempt,
      counts,
      window: windowStart(row, counts),
      streaks: [],
      memory: memoryStart(row),
    };
  }
  const memory = sampleMemory(known.memory, row, thresholds);
  if (row.stage.percentage !== known.memory.percentage) {
    // The window has some of both percentages. At 100 % limits act alone: nothing may be left there of a comparison with V1.
    return { ...known, counts, window: windowStart(row, counts), streaks: [], memory };
  }
  if (row.at - known.window.at < thresholds.window.seconds * 1000) {
    return { ...known, counts, memory };
  }
  const window = windowStart(row, counts);
  const found = excesses(windowBetween(known.window, window, row.pool), thresholds);
  return { ...known, counts, window, streaks: nextStreaks(known.streaks, found), memory };
}

function countFault(problem: string): Finding {
  return { code: "counter-reset", action: "hold", basis: "data", page: true, text: problem };
}

function excluded({ sli, harmExcluded }: SliEvidence): Finding[] {
  const verb = sliVerbs[sli];
  const text =
    harmExcluded === null
      ? `no harm is excluded yet for how often V2's sessions ${verb}`
      : `that V2's sessions ${verb} ${String(harmExcluded)} times as often as V1's is excluded`;
  return [{ code: "harm-excluded", sli, action: "none", basis: "bound", page: false, text }];
}
