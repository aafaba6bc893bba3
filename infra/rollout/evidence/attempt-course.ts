import type { Attempt } from "./attempt.ts";
import { beginAttempt, changeAttempt } from "./attempt.ts";
import { quantile } from "./durations.ts";
import type { SideCounts } from "./counts.ts";
import { chooseSlowThreshold, slowThresholdCandidates } from "./slow-threshold.ts";

/** Requests of V1 after which its p95 is known well enough to derive candidates from it. */
const leastRequests = 200;

/** What a guard sees of V2, of the brake and of V1, where it decides about the attempt. */
export interface AttemptObservation {
  /** Milliseconds since 1970. */
  readonly at: number;
  /** What V2 is and by what it is judged; undefined while that is not known. */
  readonly build: string | undefined;
  /** Threshold of `slow` that the configuration sets; null: it is to be frozen in the shadow stage. */
  readonly configuredSlow: number | null;
  /** An engagement of the brake by a guard that is in force; undefined: none is. */
  readonly engagement: string | undefined;
  /** The engagement of this attempt, released or not, as this guard has seen it; undefined: there was none. */
  readonly engagedBefore: string | undefined;
  /** Whether the engagement of this attempt was released by name; undefined while the object cannot be read. */
  readonly released: boolean | undefined;
  /** Percentage that every router applies. */
  readonly percentage: number;
  /** V1 at 0 %, in this attempt. */
  readonly v1: SideCounts;
  /** V1's sessions at 0 % that exceeded each candidate. */
  readonly candidateSessions: readonly number[];
  /**
   * How long candidates are compared before one is chosen, while the percentage stays 0, and how long sessions settle after
   * a change of the percentage; seconds.
   */
  readonly measureSeconds: number;
}

/**
 * What becomes of the attempt: another one begins where V2 has another build, or where the brake that a guard pulled was
 * released; else it notes the engagement, and freezes the threshold of `slow`.
 *
 * @returns undefined where nothing changes
 */
export function nextAttempt(
  attempt: Attempt | undefined,
  seen: AttemptObservation,
): Attempt | undefined {
  const { at, build, configuredSlow, engagement, engagedBefore, released } = seen;
  if (build === undefined) return undefined;
  const begin = (why: string) => {
    const slowMilliseconds = configuredSlow ?? attempt?.slowMilliseconds ?? null;
    const settleMilliseconds = seen.measureSeconds * 1000;
    return beginAttempt({
      at,
      why,
      build,
      slowMilliseconds,
      settleMilliseconds,
      before: attempt,
    });
  };
  if (attempt === undefined) return begin("the first one");
  if (attempt.build !== build) return begin(`V2 changed: ${build}, before ${attempt.build}`);
  // It may have been made and released while nobody led, and so not be noted.
  const spent = attempt.engagement ?? engagedBefore;
  if (spent !== undefined && engagement === undefined && released === true) {
    return begin(`${spent} was released after a rollback`);
  }
  if (attempt.engagement === null && engagement !== undefined) {
    return changeAttempt(attempt, { engagement }, at);
  }
  return freezeSlow(attempt, seen);
}

function freezeSlow(attempt: Attempt, seen: AttemptObservation): Attempt | undefined {
  if (attempt.slowMilliseconds !== null) return undefined;
  const { at, percentage, v1, candidateSessions, measureSeconds } = seen;
  if (attempt.candidatesAt === null) {
    const p95 = quantile(v1.durations, 0.95);
    if (percentage > 0 || v1.requests < leastRequests || p95 === undefined) return undefined;
    const candidates = slowThresholdCandidates(p95);
    return changeAttempt(attempt, { candidates, candidatesAt: at }, at);
  }
  if (percentage === 0 && at - attempt.candidatesAt < measureSeconds * 1000) return undefined;
  const counts = attempt.candidates.map((milliseconds, index) => ({
    milliseconds,
    sessions: candidateSessions[index] ?? 0,
  }));
  const slowMilliseconds = chooseSlowThreshold(counts, v1.sessions);
  return slowMilliseconds === undefined
    ? undefined
    : changeAttempt(attempt, { slowMilliseconds }, at);
}
