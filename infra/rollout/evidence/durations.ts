/**
 * Cumulative numbers of requests by duration: the key is the duration in milliseconds rounded up to two significant
 * digits, so that a percentile is at most 10 % too high, and histograms of several routers can be added.
 */
export type Durations = Readonly<Record<string, number>>;

/** Key of a duration, milliseconds, 0 or more; one of at most 90 per power of ten. */
export function durationKey(milliseconds: number): string {
  let unit = 1;
  while (milliseconds > 99 * unit) unit *= 10;
  return String(Math.ceil(milliseconds / unit) * unit);
}

/** What was counted after an earlier state of the same histogram. */
export function durationsSince(later: Durations, earlier: Durations): Durations {
  const result: Record<string, number> = {};
  for (const key in later) {
    const count = (later[key] ?? 0) - (earlier[key] ?? 0);
    if (count > 0) result[key] = count;
  }
  return result;
}

/** Sum of histograms. */
export function addDurations(all: readonly Durations[]): Durations {
  const sum: Record<string, number> = {};
  for (const durations of all) {
    for (const key in durations) sum[key] = (sum[key] ?? 0) + (durations[key] ?? 0);
  }
  return sum;
}

/**
 * Quantile by the nearest-rank definition, milliseconds; undefined where nothing was counted.
 *
 * @param share above 0, at most 1: 0.99 for p99
 */
export function quantile(durations: Durations, share: number): number | undefined {
  const entries = Object.entries(durations)
    .map(([key, count]) => [Number(key), count] as const)
    .sort(([a], [b]) => a - b);
  const total = entries.reduce((sum, [, count]) => sum + count, 0);
  let rank = Math.ceil(share * total);
  for (const [milliseconds, count] of entries) {
    rank -= count;
    if (rank <= 0) return total === 0 ? undefined : milliseconds;
  }
  return undefined;
}
