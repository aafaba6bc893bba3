import { logFactorsOf, logRatios } from "./likelihood.ts";
import type { Stratum } from "./likelihood.ts";

/** Ratios that are tried, in rising order. */
const ratios = [1.3, 1.5, 2, 2.5, 3, 4, 5, 7, 10, 15, 20, 30, 50, 100] as const;

/** "No difference" against each of them. */
const factorsAt = logFactorsOf(ratios.map((ratio) => [1, ratio]));

/** E-value of a statement at 95 %. */
const limit = Math.log(20);

/**
 * Smallest ratio r of harm that the data exclude at 95 %: a one-sided confidence sequence for V2's ratio, by
 * inverting the likelihood ratio of "no difference" against "at least r times as often" (Howard and others, "Time-uniform
 * confidence sequences", Annals of Statistics 2021). Valid at any moment in the model of `relativeLogEValue`, for each
 * SLI by itself; rounded up to a list of ratios.
 *
 * @returns undefined where no ratio up to 100 is excluded
 */
export function smallestHarmExcluded(strata: readonly Stratum[]): number | undefined {
  const logarithms = logRatios(strata, factorsAt) ?? [];
  return ratios[logarithms.findIndex((logarithm) => logarithm >= limit)];
}
