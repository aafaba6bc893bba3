import type { Side } from "../../../infra/rollout/decision.ts";
import { sides } from "../../../infra/rollout/decision.ts";
import { countsAt } from "../../../infra/rollout/evidence/counts.ts";
import { durationsSince, quantile } from "../../../infra/rollout/evidence/durations.ts";
import type { EvidenceRow } from "../../../infra/rollout/evidence/row.ts";
import { windowStart } from "../../../infra/rollout/evidence/windows.ts";
import type { WindowStart } from "../../../infra/rollout/evidence/windows.ts";
import type { SideRates } from "../../../infra/rollout/guard-report.ts";

/** Span over which rates are taken, milliseconds. */
const span = 10_000;

/** What both sides did in the last ten seconds, for people and for `pool_metrics`. */
export class Rates {
  private starts: { readonly attempt: string; readonly start: WindowStart }[] = [];

  /** Takes a row and says what happened until then. */
  take(row: EvidenceRow): Readonly<Record<Side, SideRates>> {
    const now = windowStart(row, row.counts);
    this.starts = this.starts.filter(
      ({ attempt, start }) => attempt === row.attempt && row.at - start.at <= span,
    );
    const from = this.starts[0]?.start;
    this.starts.push({ attempt: row.attempt, start: now });
    const rates = sides.map((side) => {
      const { sessions } = countsAt(row.counts, row.stage.percentage, side);
      return [side, { ...sideRates(side, from, now), sessions }] as const;
    });
    return Object.fromEntries(rates) as Record<Side, SideRates>;
  }
}

function sideRates(
  side: Side,
  from: WindowStart | undefined,
  to: WindowStart,
): Omit<SideRates, "sessions"> {
  if (from === undefined || to.at <= from.at) {
    return { requestsPerSecond: 0, failedShare: null, p50: null, p95: null, p99: null };
  }
  const requests = to[side].requests - from[side].requests;
  const failed = to[side].failed - from[side].failed;
  const durations = durationsSince(to[side].durations, from[side].durations);
  const at = (share: number) => quantile(durations, share) ?? null;
  return {
    requestsPerSecond: (1000 * requests) / (to.at - from.at),
    failedShare: requests === 0 ? null : failed / requests,
    p50: at(0.5),
    p95: at(0.95),
    p99: at(0.99),
  };
}
