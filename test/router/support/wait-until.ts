import { setTimeout as delay } from "node:timers/promises";

/**
 * Asks again and again until there is an answer.
 *
 * @param what for the error, for example "Envoy to be ready"
 * @throws Error after the limit, with the last reason
 */
export async function waitUntil<T>(
  what: string,
  ask: () => Promise<T | undefined | false> | T | undefined | false,
  limit = 15_000,
): Promise<T> {
  const end = Date.now() + limit;
  let reason: unknown = "no answer";
  while (Date.now() < end) {
    try {
      const answer = await ask();
      if (answer !== undefined && answer !== false) return answer;
    } catch (error) {
      reason = error;
    }
    await delay(10);
  }
  throw new Error(`waited ${limit} ms for ${what}: ${String(reason)}`);
}
