import { absoluteLogEValue, toleratedShare } from "./absolute-test.ts";
import { controlledPercentages, countsAt } from "./counts.ts";
import type { Counts } from "./counts.ts";
import { smallestHarmExcluded } from "./harm-excluded.ts";
import type { Stratum } from "./likelihood.ts";
import { relativeLogEValue } from "./relative-test.ts";

import { rateRatio } from "./request-ratio.ts";
import type { Sli } from "./slis.ts";

/** A sequential test of one SLI. */
export interface TestResult {
  /** Natural logarithm of the e-value. */
  readonly logEValue: number;
  /** V2's request rate of bad events as a multiple of V1's over the same counts; null without a control. */
  readonly requestRatio: number | null;
}

/** Test of one stage. */
interface StageResult extends TestResult {
  readonly percentage: number;
}

/** Absolute test of one stage. */
interface AbsoluteResult extends StageResult {
  /** V2's bad requests, which have to confirm the test at 100 %; null while V1 serves, where a relative test has to. */
  readonly requests: RequestShare | null;
}

/**
 * Bad requests at 100 %. The share of sessions that ever turned bad grows as long as they last, and V1's is that of shorter
 * stages: of persistent sessions all turn bad in time, whatever pool serves them. A burn rate is one of requests, and
 * their share is the same after an hour and after a week.
 */
interface RequestShare {
  /** V2's share of bad requests at 100 %, 0 to 1. */
  readonly share: number;
  /** The largest one tolerated, by the formula of the sessions with V1's share of requests before 100 %, 0 to 1. */
  readonly tolerated: number;
}

/** Everything that the counts say about one SLI. */
export interface SliEvidence {
  readonly sli: Sli;
  /** Relative test over the whole attempt; a session counts once. */
  readonly cumulative: TestResult;
  /** Relative test of each stage by itself; a session counts once a stage. */
  readonly stages: readonly StageResult[];
  /** Absolute test of each stage, that at 100 % among them. */
  readonly absolute: readonly AbsoluteResult[];
  /** V2's share of bad sessions as a multiple of V1's over the attempt; null where neither has any. */
  readonly sessionRatio: number | null;
  /** Smallest ratio of harm that is excluded at 95 %; null where none is. */
  readonly harmExcluded: number | null;
}

/**
 * Evidence on one SLI: a pure function of the cumulative counts.
 *
 * @param tolerated ratio of V2's bad sessions to V1's that is tolerated
 * @param slo share of sessions, and at 100 % of requests, that must go well
 */
export function sliEvidence(counts: Counts, sli: Sli, tolerated: number, slo: number): SliEvidence {
  const percentages = controlledPercentages(counts);
  const strata: Stratum[] = [];
  const requests = [];
  const sessions = [];
  const stages: StageResult[] = [];
  const absolute: AbsoluteResult[] = [];
  const v1All = { sessions: 0, badSessions: 0, requests: 0, badRequests: 0 };
  for (const percentage of percentages) {
    const v1 = countsAt(counts, percentage, "v1");
    const v2 = countsAt(counts, percentage, "v2");
    const bad1 = v1.bad[sli];
    const bad2 = v2.bad[sli];
    v1All.sessions += v1.sessions;
    v1All.badSessions += bad1.sessions;
    v1All.requests += v1.requests;
    v1All.badRequests += bad1.requests;
    strata.push({ percentage, v1: bad1.firstInAttempt, v2: bad2.firstInAttempt });
    const stratum = {
      v1: { bad: bad1.requests, all: v1.requests },
      v2: { bad: bad2.requests, all: v2.requests },
    };
    requests.push(stratum);
    sessions.push({
      v1: { bad: bad1.sessions, all: v1.sessions },
      v2: { bad: bad2.sessions, all: v2.sessions },
    });
    const requestRatio = rateRatio([stratum]);
    const own: Stratum = { percentage, v1: bad1.sessions, v2: bad2.sessions };
    stages.push({ percentage, logEValue: relativeLogEValue([own], tolerated), requestRatio });
    const limit = toleratedShare(share(bad1.sessions, v1.sessions), slo);
    const logEValue = absoluteLogEValue(v2.sessions, bad2.sessions, limit);
    absolute.push({ percentage, logEValue, requestRatio, requests: null });
  }
  const alone = countsAt(counts, 100, "v2");
  if (alone.sessions > 0) {
    const bad = alone.bad[sli];
    const limit = toleratedShare(share(v1All.badSessions, v1All.sessions), slo);
    absolute.push({
      percentage: 100,
      logEValue: absoluteLogEValue(alone.sessions, bad.sessions, limit),
      requestRatio: null,
      requests: {
        share: share(bad.requests, alone.requests),
        tolerated: toleratedShare(share(v1All.badRequests, v1All.requests), slo),
      },
    });
  }
  const someBad = sessions.some(({ v1, v2 }) => v1.bad + v2.bad > 0);
  return {
    sli,
    cumulative: {
      logEValue: relativeLogEValue(strata, tolerated),
      requestRatio: rateRatio(requests),
    },
    stages,
    absolute,
    sessionRatio: someBad ? rateRatio(sessions) : null,
    harmExcluded: smallestHarmExcluded(strata) ?? null,
  };
}

function share(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole;
}
