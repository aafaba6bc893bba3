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

const known = new Map<number, Map<number, Map<number, LogFactors>>>();

/**
 * How much one newly bad session speaks for the ratio `alternative` over the ratio `null_`. The few constants are
 * remembered, because each evaluation needs hundreds of them.
 */
export function logFactors(percentage: number, alternative: number, null_: number): LogFactors {
  const byAlternative = entry(known, percentage, () => new Map<number, Map<number, LogFactors>>());
  const byNull = entry(byAlternative, alternative, () => new Map<number, LogFactors>());
  return entry(byNull, null_, () => {
    const expected = shareOfBad(percentage, null_);
    const share = shareOfBad(percentage, alternative);
    return { v2: Math.log(share / expected), v1: Math.log((1 - share) / (1 - expected)) };
  });
}

function entry<Value>(map: Map<number, Value>, key: number, make: () => Value): Value {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}
