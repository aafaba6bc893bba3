import type { ServerResponse } from "node:http";
import type { Lifecycle } from "../lifecycle.ts";
import { isReady } from "../operations/health.ts";
import type { PoolState } from "../operations/operation.ts";
import { sendJson } from "./http.ts";

/**
 * Answers `/livez` and `/readyz`; false = another path. Readiness does not ask for the database:
 * a pool that lost it still serves what it can, and taking all pods off the air would serve nothing.
 */
export function answerProbe(
  state: PoolState,
  lifecycle: Lifecycle,
  path: string,
  response: ServerResponse,
): boolean {
  if (path === "/livez") {
    sendJson(response, 200, { status: "ok" });
    return true;
  }
  if (path === "/readyz") {
    sendJson(response, isReady(state, lifecycle) ? 200 : 503, { status: lifecycle.phase });
    return true;
  }
  return false;
}
