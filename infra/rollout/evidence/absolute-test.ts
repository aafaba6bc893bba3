import { logMeanExp } from "./mixture.ts";

/** Burn rate of an error budget that is worth a page: 2 % of 30 days' budget in one hour (SRE Workbook, ch. 5). */
const burnRate = 14.4;

/** V2's share of bad sessions, or of bad requests, may be this multiple of V1's. */
const multipleOfV1 = 3;

/**
 * Largest share of bad sessions, or of bad requests, that is no absolute harm.
 *
 * @param v1Share V1's share of the same, 0 to 1
 * @param slo share that must go well, below 1
 */
export function toleratedShare(v1Share: number, slo: number): number {
  return Math.min(1, Math.max(multipleOfV1 * v1Share, burnRate * (1 - slo)));
}

/**
 * Logarithm of the e-value against "a session of V2 turns bad with a chance of at most `tolerated`": the mixture of
 * Bernoulli likelihood ratios (Wald 1945; mixture: Robbins 1970) at {2, 4, 8, 16} times that share, 0.5 and 0.9,
 * those above it.
 *
 * Model and bound. For independent sessions, each bad with a chance of at most p0, the factor of a session has the
 * mean q·(p/p0) + (1-q)·(1-p)/(1-p0) <= 1 for q <= p0 < p. A session counts as good from the moment it is seen, and
 * the factor of a good session is the smaller one, so the product lies at every moment below the martingale of its
 * expected end: P(ever reaching 1/a) <= a (Ville). For p0 this is exact where the SLO decides; where 3 times V1's
 * observed share is larger, p0 only grows and the test gets more cautious, as long as both sides' sessions were watched
 * for the same time. Without V1 beside it the test cannot tell an outage of both sides from a bad V2, nor harm from sessions
 * that last longer than V1's were watched: whoever uses it there has to ask for more.
 *
 * @returns 0 where no alternative lies above `tolerated`
 */
export function absoluteLogEValue(sessions: number, bad: number, tolerated: number): number {
  const alternatives = [2, 4, 8, 16]
    .map((multiple) => multiple * tolerated)
    .filter((share) => share < 1);
  const all = [...alternatives, 0.5, 0.9].filter((share) => share > tolerated);
  if (all.length === 0 || sessions === 0) return 0;
  return logMeanExp(
    all.map(
      (share) =>
        bad * Math.log(share / tolerated) +
        (sessions - bad) * Math.log((1 - share) / (1 - tolerated)),
    ),
  );
}
