import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { LocalError } from "./local-error.ts";

/** Identifies a process for good: ids are used again, start times (in clock ticks) are not. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startTime: number;
  /** Boot the start time is counted from. */
  readonly bootId: string;
}

interface ProcessStat {
  readonly state: string;
  readonly parent: number;
  readonly startTime: number;
}

/** Fields of /proc/<pid>/stat (proc(5)); the name in parentheses may itself hold spaces. */
function readStat(pid: number): ProcessStat | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return { state: fields[0] ?? "", parent: Number(fields[1]), startTime: Number(fields[19]) };
  } catch {
    return undefined;
  }
}

function bootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
}

/** The identity of a running process, or undefined if there is none with that id. */
export function identify(pid: number): ProcessIdentity | undefined {
  const stat = readStat(pid);
  return stat && { pid, startTime: stat.startTime, bootId: bootId() };
}

/** Whether exactly that process runs. A zombie has ended. */
export function isRunning(identity: ProcessIdentity): boolean {
  const stat = readStat(identity.pid);
  return (
    stat !== undefined &&
    stat.state !== "Z" &&
    stat.startTime === identity.startTime &&
    identity.bootId === bootId()
  );
}

/** Ids of a process's children. */
export function childProcesses(parent: number): number[] {
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .filter((pid) => readStat(pid)?.parent === parent);
}

/** Sends a signal; a process that has gone already is no error. */
export function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

const pollMilliseconds = 50;

/**
 * Asks `condition` until it gives something other than undefined or false.
 *
 * @throws after `timeoutMilliseconds`, saying what was waited for and, if `condition` threw, why.
 */
export async function waitFor<T>(
  what: string,
  timeoutMilliseconds: number,
  condition: () => T | undefined | false | Promise<T | undefined | false>,
  signal?: AbortSignal,
): Promise<T> {
  const deadline = performance.now() + timeoutMilliseconds;
  for (;;) {
    let failure: unknown;
    try {
      const result = await condition();
      if (result !== undefined && result !== false) return result;
    } catch (error) {
      failure = error;
    }
    if (performance.now() > deadline) {
      const why = failure instanceof Error ? ` ${failure.message}` : "";
      throw new LocalError(`Waited ${timeoutMilliseconds / 1000} s in vain for ${what}.${why}`);
    }
    signal?.throwIfAborted();
    await delay(pollMilliseconds);
  }
}
