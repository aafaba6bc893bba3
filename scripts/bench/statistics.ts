/**
 * The value below which a share of the values lies, by linear interpolation between neighbours (Hyndman and Fan 1996,
 * type 7).
 *
 * @param share 0 to 1
 * @throws RangeError without values
 */
export function quantile(values: readonly number[], share: number): number {
  if (values.length === 0) throw new RangeError("There are no values to take a quantile of.");
  const sorted = [...values].sort((a, b) => a - b);
  const position = (sorted.length - 1) * share;
  const low = sorted[Math.floor(position)] ?? NaN;
  const high = sorted[Math.ceil(position)] ?? NaN;
  return low + (high - low) * (position - Math.floor(position));
}

/** Middle of several measurements of the same thing, with the range in which they lay. */
export interface Spread {
  readonly median: number;
  readonly low: number;
  readonly high: number;
  /** Range that holds the true median with 95 %; absent with fewer than six measurements, which cannot say it. */
  readonly interval?: readonly [number, number];
}

/** Sums up measurements; the median, because a disturbed one says nothing about the others. */
export function spread(values: readonly number[]): Spread {
  const interval = medianInterval(values);
  return {
    median: quantile(values, 0.5),
    low: Math.min(...values),
    high: Math.max(...values),
    ...(interval ? { interval } : {}),
  };
}

/**
 * Range that holds the true median with at least 95 %, whatever the distribution: values are counted in from both ends
 * as far as a fair coin allows (Conover, Practical Nonparametric Statistics, 3rd edition, 3.2).
 *
 * @returns undefined for fewer than six values, which cannot say it
 */
function medianInterval(values: readonly number[]): readonly [number, number] | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  // Chance that at most `outside` of the values lie on one side of the median.
  let term = 0.5 ** sorted.length;
  let chance = term;
  let outside = -1;
  while (2 * chance <= 0.05) {
    outside++;
    term *= (sorted.length - outside) / (outside + 1);
    chance += term;
  }
  const [low, high] = [sorted[outside], sorted[sorted.length - 1 - outside]];
  return low === undefined || high === undefined ? undefined : [low, high];
}

/**
 * Order in which two things are measured so that a drift of the machine favours neither: the first pair begins with
 * one of them, the next with the other (A B, B A, A B …).
 */
export function alternatingPairs<T>(first: T, second: T, pairs: number): readonly (readonly T[])[] {
  return Array.from({ length: pairs }, (_, index) =>
    index % 2 === 0 ? [first, second] : [second, first],
  );
}

/** Length of time in which at least one of the intervals lasts. */
export function unionLength(intervals: readonly (readonly [number, number])[]): number {
  let total = 0;
  let reached = -Infinity;
  for (const [begin, end] of [...intervals].sort(([a], [b]) => a - b)) {
    total += Math.max(0, end - Math.max(begin, reached));
    reached = Math.max(reached, end);
  }
  return total;
}
