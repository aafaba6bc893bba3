import type { Counts, SideCounts } from "./counts.ts";
import { addDurations, durationsSince, quantile } from "./durations.ts";
import type { Durations } from "./durations.ts";
import type { EvidenceRow, PoolFigures } from "./row.ts";

/** Cumulative totals of one decided side over all percentages. */
interface SideTotals {
  readonly requests: number;
  readonly failed: number;
  readonly durations: Durations;
}

/** Cumulative totals at the begin of a window, as plain JSON. */
export interface WindowStart {
  readonly at: number;
  readonly v1: SideTotals;
  readonly v2: SideTotals;
  readonly workerFailures: number | null;
}

/** One side in a window. */
export interface SideWindow {
  readonly requests: number;
  readonly failed: number;
  /** Milliseconds; null where nothing was answered. */
  readonly p99: number | null;
}

/** What happened in a window. */
export interface Window {
  readonly v1: SideWindow;
  readonly v2: SideWindow;
  /** Failures of V2's workers in the window; null where unknown, or where the counter began anew. */
  readonly workerFailures: number | null;
  /** V2's figures at its end; null where there are none. */
  readonly figures: PoolFigures["figures"] | null;
}

/** Totals of a row, with which the next window begins. */
export function windowStart(row: EvidenceRow, counts: Counts): WindowStart {
  return {
    at: row.at,
    v1: totals(Object.values(counts).map(({ v1 }) => v1)),
    v2: totals(Object.values(counts).map(({ v2 }) => v2)),
    workerFailures: row.pool?.figures.workerFailures ?? null,
  };
}

/** What happened between two starts. */
export function windowBetween(
  from: WindowStart,
  to: WindowStart,
  pool: PoolFigures | null,
): Window {
  const failures =
    from.workerFailures === null || to.workerFailures === null
      ? null
      : to.workerFailures - from.workerFailures;
  return {
    v1: sideWindow(from.v1, to.v1),
    v2: sideWindow(from.v2, to.v2),
    workerFailures: failures === null || failures < 0 ? null : failures,
    figures: pool !== null && pool.at > from.at ? pool.figures : null,
  };
}

function totals(sides: readonly SideCounts[]): SideTotals {
  return {
    requests: sides.reduce((sum, { requests }) => sum + requests, 0),
    failed: sides.reduce((sum, { bad }) => sum + bad.failed.requests, 0),
    durations: addDurations(sides.map(({ durations }) => durations)),
  };
}

function sideWindow(from: SideTotals, to: SideTotals): SideWindow {
  return {
    requests: to.requests - from.requests,
    failed: to.failed - from.failed,
    p99: quantile(durationsSince(to.durations, from.durations), 0.99) ?? null,
  };
}
