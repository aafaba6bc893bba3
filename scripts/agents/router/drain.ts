import { setTimeout as delay } from "node:timers/promises";
import { routeTimeoutSeconds } from "../../../infra/rollout/router-settings.ts";
import type { RouterSettings } from "../../../infra/rollout/router-settings.ts";
import type { EnvoyAdmin, EnvoyTraffic } from "./envoy-admin.ts";

/** How long a drain takes at least and at most. Seconds. */
export interface DrainTimes {
  /** Until every node has learned that no new connection may come here. */
  readonly settle: number;
  /** Until connections that carry no request are no longer waited for. */
  readonly idle: number;
  /** Until requests that are under way are no longer waited for. A pod's grace period must be longer. */
  readonly limit: number;
}

const pollMilliseconds = 250;

/** Times for a router: requests under way get as long as the route allows. */
export function drainTimes(settings: Pick<RouterSettings, "operationTimeoutSeconds">): DrainTimes {
  const settle = 5;
  return { settle, idle: 15, limit: settle + routeTimeoutSeconds(settings) };
}

/**
 * Drains Envoy: readiness fails and every answer closes its connection, while new connections are still served,
 * because they come until the last node has learned that this pod ends. Resolves when callers have left.
 *
 * @throws Error when Envoy does not answer
 */
export async function drain(
  admin: Pick<EnvoyAdmin, "startDrain" | "traffic">,
  times: DrainTimes,
): Promise<void> {
  await admin.startDrain();
  const begin = Date.now();
  for (;;) {
    await delay(pollMilliseconds);
    const elapsed = (Date.now() - begin) / 1000;
    if (elapsed >= times.limit) return;
    if (elapsed >= times.settle && hasLeft(await admin.traffic(), elapsed >= times.idle)) return;
  }
}

function hasLeft({ connections, requests }: EnvoyTraffic, idleMayStay: boolean): boolean {
  return connections === 0 || (requests === 0 && idleMayStay);
}
