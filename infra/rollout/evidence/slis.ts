import type { DecisionLine } from "../decision-log.ts";
import { isFailedDecision } from "../decision-log.ts";

/**
 * Service level indicators: what can be bad about a request.
 *
 * - `failed`: 5xx, 429, reset, more than one attempt, or served as fallback
 * - `slow`: longer than the frozen threshold
 * - `stuck`: ended by the route's timeout
 * - `wrong`: answered 424, the pool's word for a result that it knows to be wrong
 * - `notFound`: answered 404; anyone can ask for what does not exist
 */
export const slis = ["failed", "slow", "stuck", "wrong", "notFound"] as const;

/** Name of a service level indicator. */
export type Sli = (typeof slis)[number];

/** How people say what V2's sessions do when the indicator is bad. */
export const sliVerbs: Readonly<Record<Sli, string>> = {
  failed: "fail",
  slow: "are slow",
  stuck: "get stuck",
  wrong: "get wrong answers",
  notFound: "ask for what is not found",
};

/** When a line comes in the life of its session, as one router sees it. */
export interface Sighting {
  /** Whether it is the first that this router sees of its session since the percentage changed. */
  readonly firstAfterChange: boolean;
  /** Whether this router knew the session from before that change. */
  readonly knownBefore: boolean;
  /** Whether the request began so soon after the change that sessions come back which this router does not know. */
  readonly settling: boolean;
}

/** What the classification of a line needs to know beyond the line. */
export interface LineContext extends Sighting {
  /** A request that takes longer is slow, milliseconds; undefined: the threshold is not frozen yet. */
  readonly slowMilliseconds: number | undefined;
}

/**
 * Whether a line's duration is evidence, for `slow` and for percentiles alike: not that of the first request after a change
 * of the percentage, where its session is or may be one of before. That of a session which the change has moved is slow in
 * a healthy V2 too, because it is cold there; the others are left out so that both sides are judged by the same part of their
 * sessions' requests. (Left out of one side alone, the lowering from 100 to 25 % made a healthy V2 look slow: it was
 * seen.) A new session is as cold on either side, and timed: where sessions make few requests there is nothing else.
 */
export function isTimed({ firstAfterChange, knownBefore, settling }: Sighting): boolean {
  return !firstAfterChange || !(knownBefore || settling);
}

/**
 * In what ways a decided request was bad, by the decided side; none for lines that are no evidence (override routes
 * and requests that met no route).
 */
export function badSlis(line: DecisionLine, context: LineContext): Sli[] {
  if (line.decided === undefined || line.override !== undefined) return [];
  const { slowMilliseconds } = context;
  const slow =
    slowMilliseconds !== undefined && line.durationMs > slowMilliseconds && isTimed(context);
  const is: Readonly<Record<Sli, boolean>> = {
    failed: isFailedDecision(line),
    slow,
    stuck: line.flags.split(",").includes("UT"),
    wrong: line.status === 424,
    notFound: line.status === 404,
  };
  return slis.filter((sli) => is[sli]);
}
