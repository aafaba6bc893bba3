import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { LocalError } from "./local-error.ts";

/**
 * Control groups of a local environment. Every hierarchy of the machine (the v1 ones, the unified v2 one, or
 * both: cgroups(7)) gets a group `pool-migration-<name>-<digest>`: its child `system` holds init and the
 * components, and the kubelet puts its pods beside that. What belongs to an environment can thus be
 * found, and ended, even if the command that started it was killed before it wrote anything down.
 */

/** One mounted control group hierarchy. */
export interface CgroupHierarchy {
  readonly mountPoint: string;
  readonly version: 1 | 2;
}

/**
 * The hierarchies named by the lines of /proc/self/mountinfo (proc(5)), each once.
 */
export function parseCgroupHierarchies(mountInfo: string): CgroupHierarchy[] {
  const byDevice = new Map<string, CgroupHierarchy>();
  for (const line of mountInfo.split("\n")) {
    const [before = "", after = ""] = line.split(" - ");
    const [, , device, , mountPoint] = before.split(" ");
    const type = after.split(" ")[0];
    if (device === undefined || mountPoint === undefined || byDevice.has(device)) continue;
    if (type === "cgroup") byDevice.set(device, { mountPoint, version: 1 });
    if (type === "cgroup2") byDevice.set(device, { mountPoint, version: 2 });
  }
  return [...byDevice.values()];
}

/** Name of an environment's group, the same in every hierarchy; state directories are unique. */
export function cgroupName(environment: string, stateDirectory: string): string {
  const digest = createHash("sha256").update(stateDirectory).digest("hex").slice(0, 8);
  return `pool-migration-${environment}-${digest}`;
}

function hierarchies(): CgroupHierarchy[] {
  return parseCgroupHierarchies(readFileSync("/proc/self/mountinfo", "utf8"));
}

/** Directories of a group in all hierarchies, whether they exist or not. */
function groupDirectories(name: string): string[] {
  return hierarchies().map(({ mountPoint }) => join(mountPoint, name));
}

/** The `system` groups, which init and the components enter. */
export function systemDirectories(name: string): string[] {
  return groupDirectories(name).map((directory) => join(directory, "system"));
}

function read(file: string): string {
  return existsSync(file) ? readFileSync(file, "utf8").trim() : "";
}

/** A v1 cpuset group starts without processors and memory nodes and takes no process until it has some. */
function copyCpuset(parent: string, child: string): void {
  for (const file of ["cpuset.cpus", "cpuset.mems"]) {
    if (existsSync(join(child, file)) && read(join(child, file)) === "") {
      writeFileSync(join(child, file), read(join(parent, file)));
    }
  }
}

/**
 * Passes a v2 group's controllers on to its children. A group other than the real root may not do
 * that while it holds processes itself (the "no internal processes" rule of cgroups(7), met inside
 * a container), so these move to a child first.
 */
function passOnControllers(directory: string): void {
  const controllers = read(join(directory, "cgroup.controllers")).split(/\s+/).filter(Boolean);
  const enabled = new Set(read(join(directory, "cgroup.subtree_control")).split(/\s+/));
  const missing = controllers.filter((controller) => !enabled.has(controller));
  if (missing.length === 0) return;
  const enable = (): void => {
    const change = missing.map((controller) => `+${controller}`).join(" ");
    writeFileSync(join(directory, "cgroup.subtree_control"), change);
  };
  try {
    enable();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EBUSY") throw error;
    const leaf = join(directory, "pool-migration-moved");
    mkdirSync(leaf, { recursive: true });
    for (const pid of read(join(directory, "cgroup.procs")).split("\n").filter(Boolean)) {
      try {
        writeFileSync(join(leaf, "cgroup.procs"), pid);
      } catch (moveError) {
        if ((moveError as NodeJS.ErrnoException).code !== "ESRCH") throw moveError;
      }
    }
    enable();
  }
}

/**
 * Gives a group twice the weight of a session outside. By default a whole cluster would count as one
 * process, and a few busy ones would stop its health checks; much more would starve the engine, which
 * works outside the group while the cluster is under load.
 */
function raiseProcessorWeight(group: string): void {
  // Defaults: 1024 shares in version 1, a weight of 100 in version 2; where a file is absent, another
  // hierarchy has the controller.
  for (const [file, value] of [
    ["cpu.shares", "2048"],
    ["cpu.weight", "200"],
  ] as const) {
    if (existsSync(join(group, file))) writeFileSync(join(group, file), value);
  }
}

/**
 * Makes the environment's group and its child `system` in every hierarchy.
 *
 * @throws if the control group file systems cannot be written to, with what to do.
 */
export function createCgroups(name: string): void {
  try {
    for (const { mountPoint, version } of hierarchies()) {
      const group = join(mountPoint, name);
      if (version === 2) passOnControllers(mountPoint);
      mkdirSync(join(group, "system"), { recursive: true });
      raiseProcessorWeight(group);
      if (version === 2) passOnControllers(group);
      else {
        copyCpuset(mountPoint, group);
        copyCpuset(group, join(group, "system"));
      }
    }
  } catch (error) {
    throw new LocalError(
      "The control groups under /sys/fs/cgroup cannot be changed. The local environment needs root " +
        "on the machine itself, or in a container that runs with --privileged. " +
        `(${(error as Error).message})`,
    );
  }
}

/** A group and its descendants, deepest first. */
function tree(directory: string): string[] {
  if (!existsSync(directory)) return [];
  const children = readdirSync(directory, { withFileTypes: true }).filter((e) => e.isDirectory());
  return [...children.flatMap((child) => tree(join(directory, child.name))), directory];
}

/** Process ids (in this process's PID namespace) of everything in the environment's groups. */
export function cgroupProcesses(name: string): number[] {
  const pids = new Set<number>();
  for (const directory of groupDirectories(name).flatMap(tree)) {
    for (const pid of read(join(directory, "cgroup.procs")).split("\n")) {
      if (pid !== "" && pid !== "0") pids.add(Number(pid));
    }
  }
  return [...pids];
}

/** Whether anything of the environment's groups is there. */
export function cgroupsExist(name: string): boolean {
  return groupDirectories(name).some((directory) => existsSync(directory));
}

const removalAttempts = 50;

/**
 * Removes the environment's groups. The kernel refuses that for a moment after the last process
 * has died, so it is tried for up to five seconds.
 *
 * @throws if a group cannot be removed, naming it.
 */
export async function removeCgroups(name: string): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    let failure: unknown;
    for (const directory of groupDirectories(name).flatMap(tree)) {
      try {
        rmdirSync(directory);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENOENT") failure = error;
      }
    }
    if (failure === undefined) return;
    if (attempt === removalAttempts) {
      throw new LocalError(
        `The control groups ${name} could not be removed: ${(failure as Error).message}`,
      );
    }
    await delay(100);
  }
}
