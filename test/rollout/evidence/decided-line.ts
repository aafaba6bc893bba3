import { bucket } from "../../../infra/rollout/bucket.ts";
import type { DecisionLine } from "../../../infra/rollout/decision-log.ts";

/** Begin of the requests of tests, milliseconds since 1970. */
export const lineTime = Date.UTC(2026, 0, 1);

/** A line of the decision log: a request of a session that went well on the side that its bucket and percentage give. */
export function decidedLine(
  sessionId: string | undefined,
  percentage: number,
  changes: Partial<DecisionLine> = {},
): DecisionLine {
  const requestId = changes.requestId ?? "a-request";
  const decided = bucket(sessionId ?? requestId) < percentage ? "v2" : "v1";
  return {
    requestId,
    sessionId,
    decided,
    served: decided,
    fallback: false,
    override: undefined,
    revision: `r${percentage + 1}.1`,
    percentage,
    hashed: sessionId === undefined ? "request" : "session",
    retryClass: "safe",
    attempts: 1,
    status: 200,
    flags: "",
    startTime: lineTime,
    durationMs: 20,
    ...changes,
  };
}

/** A session id whose bucket lies in a range. */
export function sessionIn(from: number, to: number, which = 0): string {
  let found = 0;
  for (let number = 0; ; number += 1) {
    const id = `session-${number}`;
    const own = bucket(id);
    if (own < from || own >= to) continue;
    if (found === which) return id;
    found += 1;
  }
}
