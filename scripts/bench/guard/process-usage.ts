import { readFileSync } from "node:fs";

/** Memory of a process, MiB. */
export interface ProcessMemory {
  /** The most that was ever resident. */
  readonly peak: number;
  /** What is resident now: its own, and that of files such as the program itself. */
  readonly anonymous: number;
  readonly file: number;
}

/**
 * Reads the memory of a process.
 *
 * @param status content of /proc/<pid>/status (proc(5))
 * @throws RangeError where it does not tell
 */
export function parseMemory(status: string): ProcessMemory {
  const mebibytes = (name: string) => {
    const kibibytes = new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)?.[1];
    if (kibibytes === undefined) throw new RangeError(`There is no ${name} in this status.`);
    return Number(kibibytes) / 1024;
  };
  return { peak: mebibytes("VmHWM"), anonymous: mebibytes("RssAnon"), file: mebibytes("RssFile") };
}

/** Memory of a running process. */
export function processMemory(pid: number): ProcessMemory {
  return parseMemory(readFileSync(`/proc/${pid}/status`, "utf8"));
}

/**
 * Seconds for which a process's main thread could have run and had no core.
 *
 * @param schedstat content of /proc/<pid>/schedstat (Linux, Documentation/scheduler/sched-stats.rst)
 */
export function parseWaitingSeconds(schedstat: string): number {
  return Number(schedstat.split(" ")[1]) / 1e9;
}

/** Seconds for which the main thread of a running process could have run and had no core. */
export function waitingSeconds(pid: number): number {
  return parseWaitingSeconds(readFileSync(`/proc/${pid}/schedstat`, "utf8"));
}
