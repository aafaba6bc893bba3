import type { DecisionLine } from "../../infra/rollout/decision-log.ts";
import type { RequestRecord } from "./records.ts";

/**
 * What became of a request.
 *
 * - `answered`: a pool answered, or the router refused a bad request.
 * - `failed`: a pool answered 5xx or 429.
 * - `reported`: a POST without Idempotency-Key was cut in flight. It may have run, so nobody repeats
 *   it; the caller is told.
 * - `lost`: no answer, or a 5xx made by the router.
 */
export type Outcome = "answered" | "failed" | "reported" | "lost";

/** Response flags of a request that was cut after it had been sent to a pool. */
const cutFlags: ReadonlySet<string> = new Set(["UC", "UR"]);

/** Classifies a request by what the caller saw and, for cuts, what the router logged. */
export function outcomeOf(record: RequestRecord, line: DecisionLine | undefined): Outcome {
  const { status, pool, keyed, failure } = record;
  const refused = status >= 500 || status === 429;
  if (pool !== undefined) return refused ? "failed" : "answered";
  if (status > 0 && !refused) return "answered";
  const keylessPost = !keyed && (record.operation === "create" || record.operation === "execute");
  const cutByRouter = line?.flags.split(",").some((flag) => cutFlags.has(flag)) ?? false;
  return keylessPost && (failure === "cut" || cutByRouter) ? "reported" : "lost";
}
