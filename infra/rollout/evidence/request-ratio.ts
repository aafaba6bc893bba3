/** Stands for every larger ratio too: JSON knows no infinity. */
export const largestRatio = 1e9;

/** Events of both sides at one percentage. */
export interface RatioStratum {
  readonly v1: { readonly bad: number; readonly all: number };
  readonly v2: { readonly bad: number; readonly all: number };
}

/**
 * V2's rate of bad events as a multiple of V1's, over strata: the Mantel-Haenszel rate ratio (Mantel and Haenszel
 * 1959; Rothman, "Modern Epidemiology", on person-time data). Summing over percentages first would mistake an outage of both sides at a small
 * percentage for a V1 that is worse than V2.
 *
 * @returns 0 where V2 has no bad events, `largestRatio` where only V2 has
 */
export function rateRatio(strata: readonly RatioStratum[]): number {
  let upper = 0;
  let lower = 0;
  for (const { v1, v2 } of strata) {
    const all = v1.all + v2.all;
    if (all === 0) continue;
    upper += (v2.bad * v1.all) / all;
    lower += (v1.bad * v2.all) / all;
  }
  if (upper === 0) return 0;
  return lower === 0 ? largestRatio : Math.min(largestRatio, upper / lower);
}
