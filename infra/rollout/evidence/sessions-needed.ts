import { shareOfBad } from "./likelihood.ts";
import type { LadderRung } from "./settings.ts";

/** Pad on the expected number of bad events, for power instead of a toss-up. */
const powerPad = 1.3;

/** Number of alternatives of the mixture: what its weights cost. */
const alternatives = 6;

/** Above this percentage V1 is too small a control: stages pass on time alone. */
const largestJudgedPercentage = 50;

/**
 * Ratio of harm that a stage must be able to see before it passes: that of the last rung that is not above the
 * percentage, of the first rung below that; undefined above 50 %, where only time counts.
 */
export function ratioToDetect(
  ladder: readonly LadderRung[],
  percentage: number,
): number | undefined {
  if (percentage <= 0 || percentage > largestJudgedPercentage) return undefined;
  const rising = [...ladder].sort((a, b) => a.percentage - b.percentage);
  const rung = rising.findLast((candidate) => candidate.percentage <= percentage) ?? rising[0];
  return rung?.ratio;
}

/**
 * Bad V2 sessions after which the test has reached its limit if V2 is bad `ratio` times as often: Wald's expected
 * sample size of a sequential test (1945), log limit over Kullback-Leibler information for each bad session, times
 * V2's share of them, padded. With alpha 1/1,200 and the ladder 10 / 5 / 4 / 3: 11 / 22 / 38 / 97.
 *
 * @param percentage 1 to 99
 * @param ratio above `tolerated`
 * @param limit e-value to reach, 1/alpha
 */
export function badSessionsNeeded(
  percentage: number,
  ratio: number,
  tolerated: number,
  limit: number,
): number {
  const bad = shareOfBad(percentage, ratio);
  const fine = shareOfBad(percentage, tolerated);
  const information = bad * Math.log(bad / fine) + (1 - bad) * Math.log((1 - bad) / (1 - fine));
  return Math.ceil((powerPad * bad * (Math.log(limit) + Math.log(alternatives))) / information);
}

/**
 * V2 sessions that a stage needs before it may pass: enough that a V2 which is bad `ratio` times as often would have
 * shown the bad sessions that the test needs.
 *
 * @param v1Share share of V1's sessions that failed in the stage, 0 to 1; floored at 1 - SLO
 */
export function sessionsNeeded(
  badSessions: number,
  ratio: number,
  v1Share: number,
  slo: number,
): number {
  const share = Math.min(1, Math.max(v1Share, 1 - slo) * ratio);
  // A count such as 97 / (0.005 * 3) must not become one more by rounding in binary.
  return Math.ceil(Number((badSessions / share).toPrecision(12)));
}
