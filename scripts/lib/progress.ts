import { setTimeout as sleep } from "node:timers/promises";

/** Nothing is printed about a wait shorter than this. */
const quietMilliseconds = 2_000;

/** Without a terminal a line cannot be rewritten: it is printed again this often. */
const repeatMilliseconds = 10_000;

/** How a wait ended. */
export type WaitOutcome = "reached" | "timeLimit";

/** What is awaited and how long. */
export interface Wait {
  timeoutSeconds: number;
  intervalMilliseconds: number;
  signal: AbortSignal;
  /** Looks once; true ends the wait. Its rejection ends the wait too. */
  look: () => Promise<boolean>;
  /** One line about how far it is, for stderr after two seconds. */
  describe: () => string;
}

/**
 * Looks until it is there or the time is over; the last look begins before the limit. Shows progress
 * on stderr. Rejects with the signal's reason on Ctrl-C.
 */
export async function waitUntil(wait: Wait): Promise<WaitOutcome> {
  const { timeoutSeconds, intervalMilliseconds, signal, look, describe } = wait;
  const begin = performance.now();
  const elapsed = () => performance.now() - begin;
  const show = progressLine(elapsed);
  const timer = setInterval(() => show(describe()), 500);
  try {
    for (;;) {
      signal.throwIfAborted();
      if (await look()) return "reached";
      if (elapsed() + intervalMilliseconds > timeoutSeconds * 1000) return "timeLimit";
      await sleep(intervalMilliseconds, undefined, { signal }).catch(() => signal.throwIfAborted());
    }
  } finally {
    clearInterval(timer);
    show(undefined);
  }
}

/**
 * A line on stderr that tells how far something is: rewritten on a terminal, elsewhere printed when it changes and now
 * and then. Quiet for two seconds.
 *
 * @param elapsed milliseconds since the begin
 * @returns shows a text; undefined removes the line
 */
export function progressLine(elapsed: () => number): (text: string | undefined) => void {
  const { stderr } = process;
  let last = "";
  let printedAt = 0;
  return (text) => {
    if (text === undefined) {
      if (last !== "" && stderr.isTTY) stderr.write("\r\u001b[K");
      return;
    }
    if (elapsed() < quietMilliseconds) return;
    const seconds = `${(elapsed() / 1000).toFixed(0)} s`;
    if (stderr.isTTY) {
      stderr.write(`\r\u001b[K… ${seconds}: ${text}`);
    } else if (text !== last || elapsed() - printedAt > repeatMilliseconds) {
      stderr.write(`… ${seconds}: ${text}\n`);
      printedAt = elapsed();
    }
    last = text;
  };
}
