import { existsSync, readFileSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { exitCodes } from "../lib/verb.ts";
import { networkPluginDirectory } from "./components/containerd.ts";
import { LocalError } from "./local-error.ts";
import type { Progress } from "./progress.ts";
import { runCommand } from "./run-command.ts";

/** Directories of administrators' programs, which an ordinary PATH may lack. */
const systemDirectories = [
  ...["/usr/local/sbin", "/usr/sbin", "/sbin"],
  ...["/usr/local/bin", "/usr/bin", "/bin"],
];

/** PATH with the directories of administrators' programs behind it. */
export function completePath(): string {
  return [process.env["PATH"], ...systemDirectories].filter(Boolean).join(":");
}

function lookUp(program: string): string | undefined {
  const candidates = completePath()
    .split(":")
    .map((directory) => join(directory, program));
  return candidates.find((path) => existsSync(path));
}

/**
 * The path of a program of this machine.
 *
 * @throws {LocalError} if it is not installed.
 */
export function findProgram(name: string): string {
  const found = lookUp(name);
  if (found === undefined) throw new LocalError(`The program ${name} was not found on PATH.`);
  return found;
}

/** Debian's packages, and the programs of theirs that the environment uses. */
const packagePrograms: Readonly<Record<string, readonly string[]>> = {
  containerd: ["containerd", "ctr"],
  runc: ["runc"],
  iptables: ["iptables"],
  conntrack: ["conntrack"],
  socat: ["socat"],
  ethtool: ["ethtool"],
  iproute2: ["ip"],
  "util-linux": ["unshare", "nsenter", "setpriv"],
  openssl: ["openssl"],
  python3: ["python3"],
};

/** Whether Python can get pip: Debian puts the module that brings it into a package of its own. */
async function pythonHasPip(): Promise<boolean> {
  const script = "import importlib.util as u; print(any(map(u.find_spec, ['pip', 'ensurepip'])))";
  const answer = await runCommand("python3", ["-c", script]).catch(() => "");
  return answer.trim() === "True";
}

/**
 * Names of Debian's packages that this machine lacks.
 *
 * @param isInstalled whether a program is there. Default: whether it is found on PATH.
 */
export async function missingPackages(
  isInstalled: (program: string) => boolean = (program) => lookUp(program) !== undefined,
): Promise<string[]> {
  const missing = Object.entries(packagePrograms)
    .filter(([, programs]) => !programs.every(isInstalled))
    .map(([name]) => name);
  if (networkPluginDirectory() === undefined) missing.push("containernetworking-plugins");
  if (!(await pythonHasPip())) missing.push("python3-venv");
  return missing;
}

const policyFile = "/usr/sbin/policy-rc.d";
const policyMarker = "# pool-migration: keeps packages from starting services";

/**
 * Runs `action` while packages may not start services (invoke-rc.d(8): exit code 101 forbids).
 * A policy that the machine's owner has set stays.
 */
async function withoutServices<T>(action: () => Promise<T>): Promise<T> {
  const foreign =
    existsSync(policyFile) && !readFileSync(policyFile, "utf8").includes(policyMarker);
  if (foreign) return action();
  await writeFile(policyFile, `#!/bin/sh\n${policyMarker}\nexit 101\n`, { mode: 0o755 });
  try {
    return await action();
  } finally {
    await rm(policyFile, { force: true });
  }
}

/**
 * Sees to the packages the environment needs: on Debian and Ubuntu it installs those that are missing, and
 * prints the command.
 *
 * @param install false: only names them.
 * @param missing the packages; default: those that {@link missingPackages} finds.
 * @throws {LocalError} with the command to run if packages are missing and may not or cannot be
 *   installed from here.
 */
export async function ensurePackages(
  install: boolean,
  progress: Progress,
  missing?: readonly string[],
): Promise<void> {
  missing ??= await missingPackages();
  if (missing.length === 0) return;
  const command = ["install", "--yes", "--no-install-recommends", ...missing];
  const line = ["apt-get", ...command].join(" ");
  if (lookUp("apt-get") === undefined) {
    throw new LocalError(
      `This machine lacks what these Debian packages contain: ${missing.join(", ")}. Install ` +
        "their counterparts of this distribution, then run the command again.",
      exitCodes.refused,
    );
  }
  if (!install) {
    throw new LocalError(`Packages are missing. Install them with:\n  ${line}`, exitCodes.refused);
  }
  progress.note(`  ${line}`);
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  try {
    await progress.step(`Install packages ${missing.join(", ")}`, (detail) =>
      withoutServices(async () => {
        const aptGet = (args: string[]): Promise<string> =>
          runCommand("apt-get", args, { env, onLine: detail });
        try {
          await aptGet(command);
        } catch {
          await aptGet(["update"]); // the lists may be missing or old, and take a while
          await aptGet(command);
        }
      }),
    );
  } catch (error) {
    throw new LocalError(`${(error as Error).message}\nInstall them with:\n  ${line}`);
  }
}

/** Kernel modules without which pods cannot reach Services, or containers have no file system. */
const kernelFeatures = [
  { module: "br_netfilter", present: () => existsSync("/proc/sys/net/bridge") },
  {
    module: "overlay",
    present: () => readFileSync("/proc/filesystems", "utf8").includes("overlay"),
  },
];

/**
 * Loads the kernel modules the environment needs, as container engines do.
 *
 * @throws {LocalError} if this is not Linux, not root, or a module cannot be loaded.
 */
export async function ensureKernel(): Promise<void> {
  if (process.platform !== "linux" || process.getuid?.() !== 0) {
    throw new LocalError(
      "The local environment needs root on Linux, for namespaces, control groups and mounts of its " +
        'own. Run it as root, for example with `sudo env "PATH=$PATH" npm run local:up`.',
      exitCodes.refused,
    );
  }
  for (const { module, present } of kernelFeatures.filter((feature) => !feature.present())) {
    await runCommand("modprobe", [module]).catch(() => undefined);
    if (!present()) {
      throw new LocalError(`The kernel module ${module} is missing. Load it: modprobe ${module}`);
    }
  }
}
