import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { exitCodes, VerbError } from "../lib/verb.ts";
import { Client } from "./client.ts";
import type { PoolProcess } from "./rule.ts";

/** A pool that was started by a command line. */
export interface PoolCommand {
  readonly process: PoolProcess;
  /** Waits until the pool's health at the URL is good. @throws VerbError when the process ends. */
  answers(url: string, signal: AbortSignal): Promise<void>;
  /** Ends it at once, if it still runs. */
  kill(): void;
}

const startTimeoutMs = 60_000;
const lookEveryMs = 100;

/** Starts a pool. The command line is run by a shell, which the command replaces. */
export function startCommand(commandLine: string): PoolCommand {
  // With `exec` the shell becomes the pool: SIGTERM reaches it, and its exit code is the pool's.
  const child = spawn("/bin/sh", ["-c", `exec ${commandLine}`], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  const exit = once(child, "exit").then(([code]) => code as number | null);
  return {
    process: { terminate: () => void child.kill("SIGTERM"), exit },
    async answers(url, signal) {
      const client = new Client(url);
      const end = performance.now() + startTimeoutMs;
      const isGood = async (): Promise<boolean> => {
        const answer = await client.call("GET", "/v1/health").catch(() => undefined);
        return answer?.status === 200;
      };
      while (!(await isGood())) {
        signal.throwIfAborted();
        const over = performance.now() > end ? "did not get well within a minute" : undefined;
        const gone = child.exitCode === null && child.signalCode === null ? undefined : "ended";
        const problem = gone ?? over;
        if (problem !== undefined) {
          throw new VerbError(
            exitCodes.infrastructure,
            `the pool that --exec started ${problem}; it must serve at ${url}`,
          );
        }
        await delay(lookEveryMs);
      }
    },
    kill: () => void child.kill("SIGKILL"),
  };
}
