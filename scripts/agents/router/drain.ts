import { setTimeout as delay } from "node:timers/promises";
import type { EnvoyAdmin, EnvoyTraffic } from "./envoy-admin.ts";

/** Time for every node to learn that no new connection may come here. Seconds. */
const settleSeconds = 5;

/** Time after which connections that carry no request are no longer waited for. Seconds. */
const idleSeconds = 15;

const pollSeconds = 0.25;

/**
 * Longest time of a drain, seconds: requests that are under way get as long as the route allows. A pod's grace
 * period must be longer.
 */
export function longestDrainSeconds(routeTimeoutSeconds: number): number {
  return settleSeconds + routeTimeoutSeconds;
}

/**
 * Drains Envoy: readiness fails and every answer closes its connection, while new connections are still served,
 * because they come until the last node has learned that this pod ends. Resolves when callers have left; connections
 * that stay open without a request are given up after a while.
 */
export async function drain(
  admin: Pick<EnvoyAdmin, "startDrain" | "traffic">,
  routeTimeoutSeconds: number,
): Promise<void> {
  await admin.startDrain();
  const begin = Date.now();
  const elapsed = (): number => (Date.now() - begin) / 1000;
  while (elapsed() < longestDrainSeconds(routeTimeoutSeconds)) {
    await delay(pollSeconds * 1000);
    if (elapsed() >= settleSeconds && hasLeft(await admin.traffic(), elapsed())) return;
  }
}

function hasLeft({ connections, requests }: EnvoyTraffic, elapsed: number): boolean {
  return connections === 0 || (requests === 0 && elapsed >= idleSeconds);
}
