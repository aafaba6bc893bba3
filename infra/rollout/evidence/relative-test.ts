import { logFactorsOf, logRatios } from "./likelihood.ts";
import type { LogFactors, Stratum } from "./likelihood.ts";
import { logMeanExp } from "./mixture.ts";

/** Ratios of harm that the test looks for, each with the same weight. */
const alternatives = [1.5, 2, 3, 5, 10, 30] as const;

/**
 * Logarithm of the e-value against "V2's sessions turn bad at most `tolerated` times as often as V1's": the mixture
 * of likelihood ratios of the sides on which newly bad sessions lie.
 *
 * Source: the conditional test for counts of Lindon and Malek, "Anytime-valid inference for multinomial count data"
 * (NeurIPS 2022, arXiv 2011.03567), with a finite mixture (Robbins 1970) instead of their Dirichlet prior, and with a
 * tolerated ratio as null hypothesis.
 *
 * Model and bound. Sessions are independent; the bucket of each is uniform and independent of everything about it,
 * and its rate of turning bad is at every moment on V2 at most t = `tolerated` (>= 1) times that on V1; rates differ
 * between sessions and change with time, for both sides alike. Percentages rise. Let w = percentage / 100 and
 * q(r) = wr / (wr + 1 - w).
 * First let V2's rates be t times V1's exactly. Then V2's sessions turn bad sooner, so that among those still good V2's
 * share is at most w, and the next one to turn bad is V2's with a probability p <= q(t). The factor of an alternative
 * r > t has the mean p q(r)/q(t) + (1-p) (1-q(r))/(1-q(t)), which rises with p and is 1 at p = q(t): at most 1,
 * whatever came before. So the product is a test supermartingale, and P(e-value ever reaches 1/a) <= a (Ville
 * 1939), at any number of looks.
 * If V2's rates are lower, then each of its sessions turns bad later or never, at the same or a larger percentage,
 * where its factor is smaller: at every moment the e-value is at most that of the first case.
 *
 * The same holds given the numbers n1 and n2 of sessions at risk, for independent Bernoulli sessions with p2 <= t p1
 * and n2 / n1 <= w / (1-w): E = (1 + p2 (a-1))^n2 (1 - p1 (1-b))^n1 <= exp(n2 p2 (a-1) - n1 p1 (1-b)) <= 1 with
 * a = q(r)/q(t), b = (1-q(r))/(1-q(t)). The check of the split watches that condition.
 *
 * Sessions that turn bad together (one tenant with many sessions, one poisoned batch) are not independent: there the
 * bound does not hold, and the tenant has to be the session.
 *
 * @returns 0 for no evidence; at least log(1/a) to reject at a
 */
export function relativeLogEValue(strata: readonly Stratum[], tolerated: number): number {
  let factorsAt = factorsByTolerated.get(tolerated);
  if (factorsAt === undefined) {
    factorsAt = logFactorsOf(alternatives.map((ratio) => [ratio, tolerated]));
    factorsByTolerated.set(tolerated, factorsAt);
  }
  const logarithms = logRatios(strata, factorsAt);
  return logarithms === undefined ? 0 : logMeanExp(logarithms);
}

const factorsByTolerated = new Map<number, (percentage: number) => LogFactors>();
