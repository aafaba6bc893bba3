import { readFileSync } from "node:fs";

/** Clock ticks a second in /proc on every Linux architecture that Node runs on (proc(5), USER_HZ). */
const ticksPerSecond = 100;

/**
 * CPU seconds, user and system, that a process has used in all its threads.
 *
 * @param stat content of /proc/<pid>/stat
 */
export function parseCpuSeconds(stat: string): number {
  // The name in parentheses may hold spaces; behind it follow the fields from the third on (proc(5)).
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

/** CPU seconds that a running process has used. */
export function cpuSeconds(pid: number): number {
  return parseCpuSeconds(readFileSync(`/proc/${pid}/stat`, "utf8"));
}
