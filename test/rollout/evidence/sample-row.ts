import { noCounts } from "../../../infra/rollout/evidence/counts.ts";
import type { SideCounts } from "../../../infra/rollout/evidence/counts.ts";
import type { EvaluationSettings } from "../../../infra/rollout/evidence/evaluate.ts";
import type { EvidenceRow } from "../../../infra/rollout/evidence/row.ts";
import { settingsInForce } from "../../../infra/rollout/evidence/settings.ts";
import type { Sli } from "../../../infra/rollout/evidence/slis.ts";

const { evidence, thresholds } = settingsInForce("accelerated");

/** Settings of the tests: the defaults, for pools without the contract. */
export const settings: EvaluationSettings = {
  evidence,
  thresholds,
  intervals: { evaluation: 1000, figures: 5000 },
  controlledStages: 5,
  figures: [],
};

/** Counts of a side: so many sessions with two requests each, some of them bad once. */
export function side(sessions: number, bad: Partial<Record<Sli, number>> = {}): SideCounts {
  const counts = Object.fromEntries(
    Object.entries(bad).map(([sli, count]) => [
      sli,
      { requests: count, sessions: count, firstInAttempt: count },
    ]),
  );
  return {
    requests: 2 * sessions,
    sessions,
    bad: { ...noCounts.bad, ...counts },
    durations: { "20": 2 * sessions },
  };
}

/** Begin of the stage, milliseconds since 1970. */
export const begin = Date.UTC(2026, 0, 1);

/** A row at a percentage, an hour after the begin unless said otherwise, with every source fresh. */
export function row(
  percentage: number,
  v1: SideCounts,
  v2: SideCounts,
  changes: Partial<EvidenceRow> = {},
): EvidenceRow {
  const at = changes.at ?? begin + 3_600_000;
  return {
    at,
    attempt: "1",
    stage: { name: `p${String(percentage)}`, percentage, since: begin, firstV2At: begin },
    slowMilliseconds: 300,
    counts: { [String(percentage)]: { v1, v2 } },
    routersExpected: 2,
    routers: ["a", "b"].map((router) => ({
      router,
      at,
      lostLines: 0,
      mispredicted: 0,
      complete: true,
    })),
    complete: true,
    pool: null,
    ...changes,
  };
}
