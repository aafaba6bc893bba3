import type { Verdict } from "../../../infra/rollout/evidence/evaluate.ts";
import type { Finding } from "../../../infra/rollout/evidence/findings.ts";
import type { GuardReport } from "../../../infra/rollout/guard-report.ts";
import type { GuardLoad, WorldAccount } from "./plan.ts";

/** Least part of the planned rate that has to be decided, and to be seen by the guard. */
const leastRate = 0.95;

/** What was seen while the guard was measured. */
export interface Observed {
  readonly load: GuardLoad;
  /** Length of the measured time, seconds. */
  readonly seconds: number;
  /** The world when the measured time began and when it ended. */
  readonly begin: WorldAccount;
  readonly end: WorldAccount;
  /** The guard's reports in this time, each once. */
  readonly reports: readonly GuardReport[];
  /** Sessions that were decided in the end, and those that the guard then knew. */
  readonly sessions: { readonly decided: number; readonly known: number };
  /** Verdicts that are in the journal in the end; undefined: there is no journal. */
  readonly journaled: number | undefined;
}

/**
 * What shows that the guard was not measured at what it was to be measured at, as sentences. Figures of a guard that is
 * asked for less, or that did not get all evidence, mean nothing.
 */
export function shortcomings(observed: Observed): string[] {
  const { load, reports, sessions } = observed;
  const found = new Set<string>();
  const expect = (holds: boolean, problem: string) => {
    if (!holds) found.add(problem);
  };
  expectLoad(observed, expect);
  expect(reports.length > 0, "the guard has not reported");
  for (const { verdict, routers, leads } of reports) {
    expect(leads, "the guard did not hold the Lease, and so did not journal");
    expect(verdict !== null && verdict.kind !== "rollback", "it judged a healthy V2 as harmful");
    expect(
      routers.reporting === load.agents,
      `${routers.reporting} of ${load.agents} router-agents reported`,
    );
    for (const { text } of faults(verdict)) expect(false, text);
  }
  expect(
    sessions.known === sessions.decided,
    `it knew ${sessions.known} of the ${sessions.decided} sessions that were decided`,
  );
  return [...found];
}

/** Faults of the data that a verdict tells of. Evidence that is still short is none: people are not told of it. */
export function faults(verdict: Verdict | null): Finding[] {
  return (verdict?.findings ?? []).filter(({ basis, page }) => basis === "data" && page);
}

/** What the guard saw of the load. */
function expectLoad(
  { load, seconds, begin, end, reports, journaled }: Observed,
  expect: (holds: boolean, problem: string) => void,
): void {
  const least = leastRate * load.decisionsPerSecond;
  const decided = (end.decisions - begin.decisions) / seconds;
  expect(
    least > 0 && decided >= least,
    `only ${decided.toFixed(0)} requests a second were decided`,
  );
  const last = reports.at(-1);
  const { v1, v2 } = last?.rates ?? {};
  const seen = (v1?.requestsPerSecond ?? 0) + (v2?.requestsPerSecond ?? 0);
  expect(seen >= least, `the guard saw only ${seen.toFixed(0)} requests a second`);
  const workers = last?.pool?.figures.workers ?? 0;
  expect(workers === end.workers, `it knew ${workers} of the pods' ${end.workers} workers`);
  const unread = end.reads.filter((reads, pod) => reads === begin.reads[pod]).length;
  expect(unread === 0, `it did not read the metrics of ${unread} of ${load.pods} pods`);
  const problem = last?.journal.problem ?? null;
  expect(problem === null, `the journal is not written: ${problem}`);
  expect(journaled !== 0, "nothing was journaled");
}
