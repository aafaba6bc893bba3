import type { Attempt } from "../../../infra/rollout/evidence/attempt.ts";
import { budget } from "../../../infra/rollout/evidence/budget.ts";
import { freshRouters } from "../../../infra/rollout/evidence/data-faults.ts";
import type { EvaluationSettings, Verdict } from "../../../infra/rollout/evidence/evaluate.ts";
import type { EvidenceRow } from "../../../infra/rollout/evidence/row.ts";
import type { GuardReport } from "../../../infra/rollout/guard-report.ts";
import type { BrakeWatch } from "./brake-watch.ts";
import type { Braking } from "./braking.ts";
import type { Journal } from "./journal/journal.ts";

/** What a report tells of. */
interface Reported {
  readonly pod: string;
  readonly row: EvidenceRow;
  readonly verdict: Verdict;
  readonly attempt: Attempt;
  readonly rates: GuardReport["rates"];
  readonly leads: boolean;
  readonly evaluation: EvaluationSettings;
  readonly journal: Pick<Journal, "enabled" | "waiting" | "writtenAt" | "problem">;
  readonly braking: GuardReport["braking"];
}

/** What a guard reports after an evaluation. */
export function reportOf(told: Reported): GuardReport {
  const { pod, row, verdict, attempt, rates, leads, evaluation, journal, braking } = told;
  const { falseRollbackPercent, notFound } = evaluation.evidence;
  const limits = budget(falseRollbackPercent, notFound, evaluation.controlledStages);
  const { enabled, waiting, writtenAt, problem } = journal;
  const { name, percentage, since } = row.stage;
  const reporting = freshRouters(row, evaluation.intervals).length;
  return {
    pod,
    at: row.at,
    leads,
    attempt,
    verdict,
    stage: { name, percentage, since },
    limits: { cumulative: limits.cumulative, stage: limits.stage },
    rates,
    pool: row.pool,
    routers: { expected: row.routersExpected, reporting },
    braking,
    journal: { enabled, waiting, writtenAt, problem },
  };
}

/**
 * How far a rollback has come: the one that routers hold, else the one that this guard is putting into force.
 *
 * @param own the last engagement that this guard decided on
 * @param attempt name of the attempt in force
 */
export function brakingOf(
  brakes: Pick<BrakeWatch, "byGuard" | "rollback">,
  own: Braking | undefined,
  attempt: string,
): GuardReport["braking"] {
  const seen = brakes.byGuard === undefined ? undefined : brakes.rollback;
  if (seen !== undefined) {
    const { id, why, decidedAt, zeroAt, drainedAt } = seen;
    const objectAt = own?.id === id ? own.objectAt : null;
    return { id, why, decidedAt, objectAt, zeroAt, drainedAt };
  }
  if (own?.attempt !== attempt) return null;
  const { id, why, decidedAt, objectAt } = own;
  return { id, why, decidedAt, objectAt, zeroAt: null, drainedAt: null };
}
