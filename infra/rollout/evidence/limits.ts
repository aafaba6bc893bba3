import { formatPercent, formatRatio } from "./format.ts";
import type { Thresholds } from "./settings.ts";
import type { Sli } from "./slis.ts";
import type { SideWindow, Window } from "./windows.ts";

/** What a fixed limit of the design series may do. */
type LimitKind =
  /** Tells people. */
  | "alert"
  /** Rolls back together with session evidence of its SLI; without it holds and alerts. */
  | "with evidence"
  /** Rolls back alone, outside the bound on false rollbacks. */
  | "alone";

/** A fixed limit that a window exceeds. */
export interface Excess {
  readonly code: string;
  readonly kind: LimitKind;
  /** SLI whose evidence has to agree; null where none is asked. */
  readonly sli: Sli | null;
  /** One sentence for people, without a full stop. */
  readonly text: string;
}

/** The degradation formula's divisor for the error rate is at least this: else a tiny rate of V1 blows it up. */
const leastErrorRate = 0.001;

/**
 * Every fixed limit that a window exceeds. A rate or percentile is judged only with the minimum of requests on each
 * side it compares; a ratio only above its absolute floor. A limit whose figures are missing is not judged.
 */
export function excesses(window: Window, thresholds: Thresholds): Excess[] {
  const { alert, rollback, window: samples, floor } = thresholds;
  const found: Excess[] = [];
  const add = (code: string, kind: LimitKind, sli: Sli | null, text: string) =>
    found.push({ code, kind, sli, text });
  const { v1, v2 } = window;
  const enough = (side: SideWindow) => side.requests >= samples.minimumRequests;
  if (enough(v2)) {
    const rate = errorRate(v2);
    if (100 * rate > rollback.errorRatePercent) {
      add(
        "limit-error-rate",
        "with evidence",
        "failed",
        `${formatPercent(rate)} of V2's requests fail, over ${String(rollback.errorRatePercent)} %`,
      );
    }
    if (100 * rate > alert.errorRatePercent) {
      add(
        "alert-error-rate",
        "alert",
        null,
        `${formatPercent(rate)} of V2's requests fail, over ${String(alert.errorRatePercent)} %`,
      );
    }
    if (v2.p99 !== null && v2.p99 > alert.p99Milliseconds) {
      add(
        "alert-p99",
        "alert",
        null,
        `V2's p99 is ${String(v2.p99)} ms, over ${String(alert.p99Milliseconds)} ms`,
      );
    }
  }
  if (enough(v1) && enough(v2)) compare(v1, v2, thresholds, add);
  const { figures, workerFailures } = window;
  const { cpuPercent, memoryPercent, workers } = figures ?? {};
  if (cpuPercent !== undefined && cpuPercent > alert.cpuPercent) {
    add(
      "alert-cpu",
      "alert",
      null,
      `V2 uses ${cpuPercent.toFixed(0)} % of its CPU limit, over ${String(alert.cpuPercent)} %`,
    );
  }
  if (memoryPercent !== undefined && memoryPercent > alert.memoryPercent) {
    add(
      "alert-memory",
      "alert",
      null,
      `V2 uses ${memoryPercent.toFixed(0)} % of its memory limit, over ${String(alert.memoryPercent)} %`,
    );
  }
  if (
    workers !== undefined &&
    workerFailures !== null &&
    workerFailures >= floor.workerFailures &&
    100 * workerFailures > rollback.workerFailurePercent * workers
  ) {
    add(
      "limit-worker-failures",
      "alone",
      null,
      `${String(workerFailures)} failures of V2's ${String(workers)} workers, over ${String(rollback.workerFailurePercent)} %`,
    );
  }
  return found;
}

/** Limits on V2 as compared with V1. */
function compare(
  v1: SideWindow,
  v2: SideWindow,
  { alert, rollback, floor }: Thresholds,
  add: (code: string, kind: LimitKind, sli: Sli | null, text: string) => void,
): void {
  const [rate1, rate2] = [errorRate(v1), errorRate(v2)];
  const rateMatters = 100 * rate2 >= floor.errorRatePercent;
  if (rateMatters && rate2 > rollback.errorRatio * rate1) {
    add(
      "limit-error-ratio",
      "with evidence",
      "failed",
      `${formatPercent(rate2)} of V2's requests fail and ${formatPercent(rate1)} of V1's, over ${String(rollback.errorRatio)} times as many`,
    );
  }
  if (v1.p99 === null || v2.p99 === null) return;
  const p99Matters = v2.p99 - v1.p99 >= floor.p99Milliseconds;
  if (p99Matters && v2.p99 > rollback.p99Ratio * v1.p99) {
    add(
      "limit-p99-ratio",
      "with evidence",
      "slow",
      `V2's p99 is ${String(v2.p99)} ms and V1's ${String(v1.p99)} ms, over ${formatRatio(rollback.p99Ratio)} times as long`,
    );
  }
  const slower = p99Matters ? (100 * (v2.p99 - v1.p99)) / Math.max(1, v1.p99) : 0;
  const worse = rateMatters ? (100 * (rate2 - rate1)) / Math.max(leastErrorRate, rate1) : 0;
  const degradation = (Math.max(0, slower) + Math.max(0, worse)) / 2;
  if (degradation > alert.degradation) {
    add(
      "alert-degradation",
      "alert",
      null,
      `V2 is degraded by ${degradation.toFixed(0)}, over ${String(alert.degradation)} (mean of the increases of p99 and error rate, per cent)`,
    );
  }
}

function errorRate({ requests, failed }: SideWindow): number {
  return failed / requests;
}
