/** Multiples of V1's p95 that are tried in turn. */
const multiples = [1.5, 2, 3, 5] as const;

/** A threshold lies at least this far above V1's p95, milliseconds: below that the clock's grain decides. */
const leastDistance = 5;

/** At most this share of V1's sessions may exceed the threshold in a stage window: else every session is soon bad. */
const largestShare = 0.2;

/**
 * Thresholds for `slow` to be measured in the shadow stage, in rising order, exact milliseconds.
 *
 * @param p95Milliseconds V1's 95th percentile in the shadow stage, 0 or more
 */
export function slowThresholdCandidates(p95Milliseconds: number): number[] {
  return multiples.map((multiple) =>
    Math.max(Math.ceil(p95Milliseconds * multiple), Math.ceil(p95Milliseconds) + leastDistance),
  );
}

/** How many of V1's sessions had a request longer than a candidate. */
export interface CandidateCount {
  readonly milliseconds: number;
  readonly sessions: number;
}

/**
 * The smallest candidate that at most 20 % of V1's sessions exceed in a stage window; undefined when V1 is too
 * uneven for all of them or no session was seen: then `slow` cannot be judged until people set a threshold.
 *
 * @param counts one entry for each candidate
 * @param sessions V1's distinct sessions in the same window
 */
export function chooseSlowThreshold(
  counts: readonly CandidateCount[],
  sessions: number,
): number | undefined {
  if (sessions === 0) return undefined;
  const usable = counts.filter((count) => count.sessions <= largestShare * sessions);
  return usable.length === 0
    ? undefined
    : Math.min(...usable.map(({ milliseconds }) => milliseconds));
}
