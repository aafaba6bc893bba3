import { formatCount } from "./format.ts";
import { baselineStage } from "../stages.ts";
import { shareAgrees, shareTolerance } from "../share-agreement.ts";
import { countsAt } from "./counts.ts";
import type { Counts } from "./counts.ts";
import type { Finding } from "./findings.ts";
import type { EvidenceRow, PoolFigure } from "./row.ts";

/** A source that is silent for more than this many evaluations is stale. */
const staleEvaluations = 3;

/** Times between two evaluations and between two readings of the pool's figures, milliseconds. */
export interface Intervals {
  readonly evaluation: number;
  readonly figures: number;
}

const fault = (code: string, text: string, action: "hold" | "unknown" = "hold"): Finding => ({
  code,
  action,
  basis: "data",
  page: true,
  text,
});

/** Routers of a row that have reported lately. */
export function freshRouters(row: EvidenceRow, { evaluation }: Intervals): EvidenceRow["routers"] {
  return row.routers.filter(({ at }) => row.at - at <= staleEvaluations * evaluation);
}

/**
 * What is wrong with the sources. Faults keep a stage from passing and never lower traffic. When no router's report is
 * fresh, nothing can be decided.
 *
 * @param expected figures that V2's metrics have to offer; empty for pools without the contract
 */
export function sourceFaults(
  row: EvidenceRow,
  intervals: Intervals,
  expected: readonly PoolFigure[],
): Finding[] {
  const faults: Finding[] = [];
  const fresh = freshRouters(row, intervals);
  const stale = row.routers.filter((router) => !fresh.includes(router));
  const missing = row.routersExpected - row.routers.length;
  if (stale.length === row.routers.length) {
    faults.push(fault("no-source", "no router has given a fresh report", "unknown"));
  } else if (missing > 0) {
    faults.push(
      fault(
        "router-missing",
        `${String(missing)} of ${String(row.routersExpected)} routers do not report`,
      ),
    );
  }
  for (const { router, at } of stale) {
    const seconds = ((row.at - at) / 1000).toFixed(0);
    faults.push(fault("router-stale", `${router} has not reported for ${seconds} s`));
  }
  for (const { router, lostLines, mispredicted, complete } of row.routers) {
    if (mispredicted > 0) {
      const text = `${router} decided ${formatCount(mispredicted)} requests otherwise than by bucket and percentage`;
      faults.push(fault("mispredicted", text));
    }
    if (lostLines > 0) {
      faults.push(
        fault("lines-lost", `${router} lost ${String(lostLines)} lines of its decision log`),
      );
    }
    if (!complete) {
      faults.push(fault("memory-incomplete", `${router} no longer knows all sessions it has seen`));
    }
  }
  if (!row.complete) {
    const text = "the guard does not know all sessions of this attempt";
    faults.push(fault("memory-incomplete", text));
  }
  if (row.slowMilliseconds === null && row.stage.percentage > 0) {
    faults.push(
      fault(
        "slow-not-frozen",
        "no threshold for slow answers could be frozen in the shadow stage: set evidence.slowMilliseconds",
      ),
    );
  }
  return [...faults, ...figureFaults(row, staleEvaluations * intervals.figures, expected)];
}

function figureFaults(
  { at, pool, stage }: EvidenceRow,
  limit: number,
  expected: readonly PoolFigure[],
): Finding[] {
  // V2 is not there yet at the first stage.
  if (expected.length === 0 || stage.name === baselineStage) return [];
  if (pool === null) return [fault("figures-missing", "V2's metrics were not read yet")];
  if (at - pool.at > limit) {
    const seconds = ((at - pool.at) / 1000).toFixed(0);
    return [fault("figures-stale", `V2's metrics were last read ${seconds} s ago`)];
  }
  return expected
    .filter((name) => pool.figures[name] === undefined)
    .map((name) =>
      fault("figure-unknown", `V2's metrics do not offer ${name}: look for a misspelt name`),
    );
}

/**
 * Whether the share of distinct sessions on V2 at a percentage is what chance explains, within four standard
 * deviations. A V2 that is asked nothing while V1 is busy fails here.
 */
export function splitFault(counts: Counts, percentage: number): Finding | undefined {
  const v1 = countsAt(counts, percentage, "v1").sessions;
  const v2 = countsAt(counts, percentage, "v2").sessions;
  const total = v1 + v2;
  if (total === 0 || shareAgrees(percentage, { v1, v2 })) return undefined;
  const share = ((100 * v2) / total).toFixed(1);
  const tolerance = shareTolerance(percentage, total).toFixed(1);
  return fault(
    "split",
    `${share} % of ${formatCount(total)} sessions are on V2, not ${String(percentage)} % within ${tolerance}`,
  );
}
