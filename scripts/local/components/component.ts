import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { systemDirectories } from "../cgroups.ts";
import { LocalError } from "../local-error.ts";
import { enterGroupsScript, insideCommand, insidePath, spawnInside } from "../namespaces.ts";
import { waitFor } from "../processes.ts";
import { runCommand } from "../run-command.ts";
import type { RunOptions } from "../run-command.ts";
import type { Tools } from "../tools/all.ts";

/** What a component needs to know of its environment. */
export interface ComponentContext {
  /** Name of the environment's control groups. */
  readonly group: string;
  readonly initPid: number;
  readonly stateDirectory: string;
  readonly kubeconfig: string;
  readonly tools: Tools;
  /** Ends waiting for a component. */
  readonly signal: AbortSignal | undefined;
}

/** One long-running program of the environment. */
export interface Component {
  readonly name: string;
  /** Names of the components that must answer before it starts, because it ends without them. */
  readonly needs?: readonly string[];
  /** Writes its configuration files and returns its command line. */
  prepare(context: ComponentContext): Promise<readonly [string, ...string[]]>;
  /** Whether it answers; asked until it does. A component without this is ready when it runs. */
  ready?(context: ComponentContext): Promise<boolean>;
}

const readyTimeout = 60_000;
const endTimeout = 15_000;

/** Process id inside the namespaces; valid as long as such a process is there. */
function pidFile(component: string): string {
  return `/run/pool-migration/${component}.pid`;
}

/** Standard output and error of a component. */
function logFile(stateDirectory: string, component: string): string {
  return join(stateDirectory, "logs", `${component}.log`);
}

/** Id inside the namespaces of a component's process, or undefined if it does not run. */
export function componentPid(initPid: number, component: string): number | undefined {
  try {
    const pid = Number(readFileSync(insidePath(initPid, pidFile(component)), "utf8"));
    const stat = readFileSync(insidePath(initPid, `/proc/${pid}/stat`), "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).startsWith("Z") ? undefined : pid;
  } catch {
    return undefined;
  }
}

/** Last lines of a component's log, for error messages. */
function logTail(stateDirectory: string, component: string, lines = 12): string {
  const file = logFile(stateDirectory, component);
  if (!existsSync(file)) return "(no log)";
  return readFileSync(file, "utf8").trimEnd().split("\n").slice(-lines).join("\n");
}

/** Runs a command inside and returns its output; {@link runCommand} says how it fails. */
export function runInside(
  initPid: number,
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const [program = "nsenter", ...rest] = insideCommand(initPid, command, args);
  return runCommand(program, rest, options);
}

/** Runs a command inside and waits for it; false if it exits with another code than 0. */
export async function succeedsInside(
  context: ComponentContext,
  command: string,
  args: readonly string[],
): Promise<boolean> {
  const child = spawnInside(context.initPid, command, args, { stdio: "ignore" });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve(code === 0));
  });
}

/**
 * Starts a component unless it runs, and waits until it answers. It belongs to the namespaces from
 * the start: the process that starts it may end at once.
 *
 * @throws with the end of its log if it ends or does not answer within a minute.
 */
export async function startComponent(
  context: ComponentContext,
  component: Component,
): Promise<void> {
  const { initPid, stateDirectory } = context;
  if (componentPid(initPid, component.name) === undefined) {
    const command = await component.prepare(context);
    mkdirSync(join(stateDirectory, "logs"), { recursive: true });
    const log = openSync(logFile(stateDirectory, component.name), "a");
    try {
      const start = `"$@" </dev/null & echo $! >${pidFile(component.name)}`;
      const groups = systemDirectories(context.group);
      const args = ["-c", enterGroupsScript, "sh", ...groups, "--", "/bin/sh", "-c", start, "sh"];
      const shell = spawnInside(initPid, "/bin/sh", [...args, ...command], {
        detached: true, // its own session: no signal of the caller's terminal reaches it
        stdio: ["ignore", log, log],
      });
      await new Promise<void>((resolve, reject) => {
        shell.once("error", reject);
        shell.once("exit", () => resolve());
      });
    } finally {
      closeSync(log);
    }
  }
  await awaitReady(context, component);
}

async function awaitReady(context: ComponentContext, component: Component): Promise<void> {
  const { initPid, signal } = context;
  const { name } = component;
  const look = async (): Promise<"ready" | "ended" | undefined> => {
    if (componentPid(initPid, name) === undefined) return "ended";
    return (await (component.ready?.(context) ?? true)) ? "ready" : undefined;
  };
  let state: "ready" | "ended";
  try {
    state = await waitFor(`${name} to be ready`, readyTimeout, look, signal);
  } catch (error) {
    signal?.throwIfAborted();
    throw componentError(context.stateDirectory, name, (error as Error).message);
  }
  if (state === "ended") throw componentError(context.stateDirectory, name, "It ended.");
}

/** An error about a component, with the end of its log. */
export function componentError(stateDirectory: string, name: string, what: string): LocalError {
  const file = logFile(stateDirectory, name);
  return new LocalError(
    `${name} does not run as it should. ${what} The end of ${file}:\n` +
      logTail(stateDirectory, name),
  );
}

/**
 * Kills a component with SIGKILL and waits until the process is reaped: before that, a new one could
 * not listen on the same port. Nothing happens if it does not run.
 */
export async function killComponent(initPid: number, component: string): Promise<void> {
  const pid = componentPid(initPid, component);
  if (pid === undefined) return;
  const killer = spawnInside(initPid, "kill", ["-KILL", String(pid)], { stdio: "ignore" });
  await new Promise((resolve) => killer.once("close", resolve));
  await waitFor(`${component} to end`, endTimeout, () => {
    return !existsSync(insidePath(initPid, `/proc/${pid}`));
  });
}
