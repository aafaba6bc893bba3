import { setTimeout as delay } from "node:timers/promises";
import { Violation } from "./rule.ts";

const lookEveryMs = 15;

/**
 * Looks until something holds.
 * @throws Violation that names what was waited for, after `timeoutMs`.
 */
export async function waitFor(
  what: string,
  timeoutMs: number,
  look: () => Promise<boolean>,
): Promise<void> {
  const end = performance.now() + timeoutMs;
  while (!(await look())) {
    if (performance.now() > end) throw new Violation(`${what}: not within ${timeoutMs} ms`);
    await delay(lookEveryMs);
  }
}
