/**
 * Probability that a newly bad session is V2's, when V2's sessions turn bad `ratio` times as often as V1's.
 *
 * @param percentage share of the sessions that V2 serves, 1 to 99
 */
export function shareOfBad(percentage: number, ratio: number): number {
  const weight = percentage / 100;
  return (weight * ratio) / (weight * ratio + 1 - weight);
}

/** Logarithms of likelihood ratios of one newly bad session, one for each pair of ratios. */
export interface LogFactors {
  /** Where it is V2's. */
  readonly v2: readonly number[];
  /** Where it is V1's. */
  readonly v1: readonly number[];
}

/**
 * How much one newly bad session speaks for the first ratio of each pair over the second, by percentage. The constants
 * are remembered, because each evaluation needs hundreds of them.
 */
export function logFactorsOf(
  pairs: readonly (readonly [alternative: number, null_: number])[],
): (percentage: number) => LogFactors {
  const known = new Map<number, LogFactors>();
  return (percentage) => {
    const found = known.get(percentage);
    if (found !== undefined) return found;
    const shares = pairs.map(([alternative, null_]) => ({
      share: shareOfBad(percentage, alternative),
      expected: shareOfBad(percentage, null_),
    }));
    const factors = {
      v2: shares.map(({ share, expected }) => Math.log(share / expected)),
      v1: shares.map(({ share, expected }) => Math.log((1 - share) / (1 - expected))),
    };
    known.set(percentage, factors);
    return factors;
  };
}

/** Newly bad sessions by side at one percentage. */
export interface Stratum {
  /** Percentage of the lines, integer 1 to 99. */
  readonly percentage: number;
  readonly v1: number;
  readonly v2: number;
}

/** Logarithms of the likelihood ratios of all newly bad sessions, one for each pair; undefined where there are none. */
export function logRatios(
  strata: readonly Stratum[],
  factorsAt: (percentage: number) => LogFactors,
): number[] | undefined {
  let sums: number[] | undefined;
  for (const { percentage, v1, v2 } of strata) {
    if (v1 === 0 && v2 === 0) continue;
    const factors = factorsAt(percentage);
    sums ??= factors.v2.map(() => 0);
    for (let index = 0; index < sums.length; index += 1) {
      sums[index] =
        (sums[index] ?? 0) + v2 * (factors.v2[index] ?? 0) + v1 * (factors.v1[index] ?? 0);
    }
  }
  return sums;
}
