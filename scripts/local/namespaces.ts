import { spawn } from "node:child_process";
import type { ChildProcess, SpawnOptions } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import {
  cgroupProcesses,
  cgroupsExist,
  createCgroups,
  removeCgroups,
  systemDirectories,
} from "./cgroups.ts";
import { childProcesses, identify, isRunning, sendSignal, waitFor } from "./processes.ts";
import type { ProcessIdentity } from "./processes.ts";

/**
 * The namespaces of a local environment (namespaces(7)). They live as long as their first process;
 * its end is the end of every process, mount and interface in them.
 */

/** Address of the only node, and of everything that listens on it. */
export const nodeAddress = "10.88.0.1";
/** Network of the Services' cluster addresses. */
export const serviceNetwork = "10.96.0.0/16";
/** Network of the pods. */
export const podNetwork = "10.244.0.0/24";

const startTimeout = 10_000;
const endTimeout = 20_000;

/** Enters every control group whose directory precedes `--`, then becomes the command after it. */
export const enterGroupsScript =
  'while [ "$1" != -- ]; do echo 0 >"$1/cgroup.procs"; shift; done; shift; exec "$@"';

/**
 * Starts the namespaces, detached from this process and its terminal.
 *
 * @param group name of the environment's control groups.
 * @param stateDirectory holds `resolv.conf`, shown as /etc/resolv.conf inside.
 * @param logDescriptor open file that takes what the first process prints.
 * @returns the namespaces' first process.
 */
export async function startNamespaces(
  group: string,
  stateDirectory: string,
  logDescriptor: number,
): Promise<ProcessIdentity> {
  createCgroups(group);
  const script = join(import.meta.dirname, "namespace-init.sh");
  const unshare = ["unshare", "--net", "--mount", "--uts", "--ipc", "--pid", "--fork"];
  unshare.push("--kill-child", "--mount-proc", "/bin/sh", script);
  unshare.push(stateDirectory, nodeAddress, serviceNetwork);
  const args = ["-c", enterGroupsScript, "sh", ...systemDirectories(group), "--", ...unshare];
  const child = spawn("/bin/sh", args, {
    detached: true,
    cwd: "/",
    stdio: ["ignore", logDescriptor, logDescriptor],
  });
  child.unref();
  const parent = child.pid;
  if (parent === undefined) throw new Error("/bin/sh could not be started.");
  return waitFor("the namespaces to be set up", startTimeout, () => {
    const [init] = childProcesses(parent);
    if (init === undefined || !existsSync(insidePath(init, "/run/pool-migration/ready"))) return;
    return identify(init);
  });
}

/** Where a path of the namespaces' file system is found from outside (proc(5), /proc/pid/root). */
export function insidePath(initPid: number, path: string): string {
  return join(`/proc/${initPid}/root`, path);
}

/**
 * The command line that runs a command inside. The host's files are there, and the working
 * directory is kept; `setpriv` ends the command when the caller's side of it is killed.
 */
export function insideCommand(
  initPid: number,
  command: string,
  args: readonly string[],
  directory = process.cwd(),
): string[] {
  const enter = ["nsenter", "--target", String(initPid), "--net", "--mount", "--uts", "--ipc"];
  // Looked up inside: a directory carried over from outside has no path that getcwd(3) could tell.
  enter.push("--pid", `--wdns=${directory}`);
  return [...enter, "--", "setpriv", "--pdeathsig", "KILL", command, ...args];
}

/** Starts a command inside the namespaces of `initPid`. */
export function spawnInside(
  initPid: number,
  command: string,
  args: readonly string[],
  options: SpawnOptions,
): ChildProcess {
  const directory = options.cwd === undefined ? undefined : String(options.cwd);
  const [program = "nsenter", ...rest] = insideCommand(initPid, command, args, directory);
  return spawn(program, rest, options);
}

/**
 * Sends a signal to a command that was started with {@link spawnInside}: its representative outside would
 * not pass it on.
 */
export function signalInside(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  for (const pid of childProcesses(child.pid)) sendSignal(pid, signal);
}

/**
 * Ends everything that belongs to the environment: its processes (found by control group, so that
 * nothing written down is needed), with them mounts and interfaces, then the control groups.
 */
export async function endNamespaces(group: string, init?: ProcessIdentity): Promise<void> {
  if (init && isRunning(init)) sendSignal(init.pid, "SIGKILL");
  if (!cgroupsExist(group)) return;
  await waitFor("the environment's processes to end", endTimeout, () => {
    const left = cgroupProcesses(group);
    for (const pid of left) sendSignal(pid, "SIGKILL");
    return left.length === 0;
  });
  await removeCgroups(group);
}
