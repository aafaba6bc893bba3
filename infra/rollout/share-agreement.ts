import { assertPercentage } from "./percentage.ts";

/** How far a share may lie from its expectation, in standard deviations of a binomial share. */
const deviations = 4;

/**
 * Largest difference between a stage's percentage and the observed share of distinct sessions that is explained by
 * chance: 4·sqrt(p(1-p)/n). A session's bucket is fixed, so the share is one draw of a binomial distribution; beyond
 * four standard deviations lies one stage in some 16,000.
 *
 * @param percentage applied percentage, integer 0 to 100
 * @param sessions distinct sessions that were observed
 * @returns percentage points; 0 at 0 % and at 100 %, where no session may differ
 */
export function shareTolerance(percentage: number, sessions: number): number {
  assertPercentage(percentage);
  const p = percentage / 100;
  return 100 * deviations * Math.sqrt((p * (1 - p)) / sessions);
}

/**
 * Whether the observed share of distinct sessions on V2 agrees with a percentage. No sessions agree with nothing.
 *
 * @param percentage applied percentage, integer 0 to 100
 * @param sessions distinct sessions by decided side
 */
export function shareAgrees(
  percentage: number,
  sessions: { readonly v1: number; readonly v2: number },
): boolean {
  const total = sessions.v1 + sessions.v2;
  if (total === 0) return false;
  const share = (100 * sessions.v2) / total;
  return Math.abs(share - percentage) <= shareTolerance(percentage, total);
}
