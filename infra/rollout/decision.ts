import { bucket } from "./bucket.ts";
import { assertPercentage } from "./percentage.ts";

/** A pool that can serve: the one in place (v1) or its successor (v2). */
export type Side = "v1" | "v2";

/** Both sides, V1 first. */
export const sides: readonly Side[] = ["v1", "v2"];

/**
 * Shape of a session id that counts as one. A header that is absent, empty, repeated or does not match is treated as
 * absent. Envoy matches the whole value with the same expression (RE2).
 */
export const sessionIdPattern = "^[A-Za-z0-9._:-]{1,128}$";

const sessionIdExpression = new RegExp(sessionIdPattern);

/** What the decision for one request depends on. */
export interface DecisionInput {
  /** Value of the session header; absent when the request had none. */
  readonly sessionId?: string | undefined;
  /** Value of `x-request-id`; Envoy generates one where the caller sent none. */
  readonly requestId: string;
  /** Effective percentage at the time of the decision, 0 to 100. */
  readonly percentage: number;
}

/** The decided side and which id decided it. */
export interface Decision {
  readonly side: Side;
  readonly hashed: "session" | "request";
}

/**
 * Predicts the side that Envoy decides for a request. Sticky (the same id and percentage always give the same side)
 * and monotone (a higher percentage never takes an id off V2).
 *
 * @throws RangeError when the percentage is not an integer from 0 to 100
 */
export function predictSide(input: DecisionInput): Decision {
  const { sessionId, requestId, percentage } = input;
  assertPercentage(percentage);
  const bySession = sessionId !== undefined && sessionIdExpression.test(sessionId);
  return {
    side: bucket(bySession ? sessionId : requestId) < percentage ? "v2" : "v1",
    hashed: bySession ? "session" : "request",
  };
}
