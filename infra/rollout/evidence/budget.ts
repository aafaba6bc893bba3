import { slis } from "./slis.ts";
import type { Sli } from "./slis.ts";

/** Stages among which the tests of single stages share their part; more only for a longer ladder. */
const leastStages = 6;

/** Tests of each SLI: cumulative, per stage, absolute. */
const testsPerSli = 3;

/** E-values that a test must reach to roll back: 1 / alpha. */
export interface Budget {
  /** SLIs that may roll back. */
  readonly slis: readonly Sli[];
  /** Limit of the cumulative copy: 1,200 by default. */
  readonly cumulative: number;
  /** Limit of a stage's copy and of the absolute test of a stage: 7,200 by default. */
  readonly stage: number;
}

/**
 * Splits the bound on false rollbacks of an attempt, from the first percentage to 75 %, among all tests (union bound):
 * each SLI's cumulative copy, copies of its stages, and absolute tests of its stages get the same part, and the
 * stages share theirs equally. With 1 % and 4 SLIs: 1/1,200 each, 1/7,200 for each stage.
 *
 * @param falseRollbackPercent bound for the attempt, per cent
 * @param notFound whether 404 answers are an SLI that may roll back
 * @param controlledStages stages of the ladder with a percentage from 1 to 99
 */
export function budget(
  falseRollbackPercent: number,
  notFound: "hold" | "rollback",
  controlledStages: number,
): Budget {
  const judged = slis.filter((sli) => sli !== "notFound" || notFound === "rollback");
  const cumulative = (100 * judged.length * testsPerSli) / falseRollbackPercent;
  return {
    slis: judged,
    cumulative,
    stage: cumulative * Math.max(leastStages, controlledStages),
  };
}
