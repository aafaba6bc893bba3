/**
 * Probability that a newly bad session is V2's, when V2's sessions turn bad `ratio` times as often as V1's.
 *
 * @param percentage share of the sessions that V2 serves, 1 to 99
 */
export function shareOfBad(percentage: number, ratio: number): number {
  const weight = percentage / 100;
  return (weight * ratio) / (weight * ratio + 1 - weight);
}

/** Logarithms of likelihood ratios of one newly bad session. */
export interface LogFactors {
  /** Where it is V2's. */
  readonly v2: number;
  /** Where it is V1's. */
  readonly v1: number;
}

const known = new Map<string, LogFactors>();

/**
 * How much one newly bad session speaks for the ratio `alternative` over the ratio `null_`. The few constants are
 * remembered, because each evaluation needs them all.
 */
export function logFactors(percentage: number, alternative: number, null_: number): LogFactors {
  const key = `${String(percentage)} ${String(alternative)} ${String(null_)}`;
  let factors = known.get(key);
  if (factors === undefined) {
    const expected = shareOfBad(percentage, null_);
    const share = shareOfBad(percentage, alternative);
    factors = { v2: Math.log(share / expected), v1: Math.log((1 - share) / (1 - expected)) };
    known.set(key, factors);
  }
  return factors;
}
