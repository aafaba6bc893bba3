import { chmod, copyFile, readFile, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { LocalError } from "../local-error.ts";
import type { Progress } from "../progress.ts";
import { runCommand } from "../run-command.ts";
import { downloadRelease, ReleaseUnavailableError } from "./download.ts";
import type { ReleaseFile } from "./download.ts";
import { goBuild } from "./go-build.ts";
import type { GoBuild } from "./go-build.ts";
import { cachedDirectory } from "./tool-cache.ts";

/** A tool that comes as an official release, or is built from the same version's source. */
export interface ReleaseTool {
  readonly name: string;
  /** With the leading `v`. */
  readonly version: string;
  /** Binaries, or `.tar.gz`/`.tgz` archives of them, to download. */
  readonly files: readonly ReleaseFile[];
  /** Where a binary lies in its archive: number of leading folders to drop. Default 0. */
  readonly stripComponents?: number;
  readonly build: GoBuild;
  /** What building took on 2 cores, for the first estimate: for example `5 to 11 minutes`. */
  readonly buildTime: string;
}

/** Where an installed tool came from. */
export type ToolSource = "path" | "download" | "build";

/** A tool in the cache. */
export interface InstalledTool {
  /** Directory that holds its binaries; it can be put on PATH. */
  readonly directory: string;
  readonly version: string;
  readonly source: ToolSource;
}

const originFile = "origin.json";

/** Node's name of the processor architecture in the words of Go releases. */
export function goArchitecture(): string {
  if (process.platform !== "linux" || (process.arch !== "x64" && process.arch !== "arm64")) {
    throw new LocalError(
      `The local environment runs on Linux, x64 or arm64; this is ${process.platform}, ` +
        `${process.arch}. Run it in a Linux virtual machine.`,
    );
  }
  return process.arch === "x64" ? "amd64" : "arm64";
}

async function download(
  tool: ReleaseTool,
  staging: string,
  detail: (text: string) => void,
): Promise<void> {
  const downloads: string[] = [];
  for (const file of tool.files) downloads.push(await downloadRelease(file, detail));
  for (const [index, path] of downloads.entries()) {
    if (/\.(tar\.gz|tgz)$/.test(path)) {
      const strip = `--strip-components=${tool.stripComponents ?? 0}`;
      await runCommand("tar", ["-xzf", path, "-C", staging, "--no-same-owner", strip]);
    } else {
      const binary = join(staging, basename(tool.files[index]?.url ?? path));
      await copyFile(path, binary);
      await chmod(binary, 0o755);
    }
  }
  await Promise.all(downloads.map((path) => rm(path, { force: true })));
}

/**
 * Makes a tool available: from the cache, else its official release, else, where that cannot be
 * had within seconds, by building it.
 *
 * @throws {ChecksumMismatchError} if the release is not what its publisher says: then nothing
 *   is built in its place, because somebody should look at that.
 */
export async function ensureReleaseTool(
  tool: ReleaseTool,
  progress: Progress,
  signal?: AbortSignal,
): Promise<InstalledTool> {
  const key = `${tool.name}-${tool.version}-${goArchitecture()}`;
  const directory = await cachedDirectory(
    "tools",
    key,
    async (staging) => {
      const label = `${tool.name} ${tool.version}`;
      let source: ToolSource = "download";
      try {
        await progress.step(`Download ${label}`, (detail) => download(tool, staging, detail));
      } catch (error) {
        if (!(error instanceof ReleaseUnavailableError)) throw error;
        source = "build";
        progress.note(
          `    ${error.message}: ${label} is built from source, ${tool.buildTime}, once.`,
        );
        const reason = `The release of ${label} cannot be downloaded (${error.message})`;
        await progress.step(`Build ${label}`, (detail) =>
          goBuild(tool.build, staging, reason, detail, signal),
        );
      }
      await writeFile(join(staging, originFile), JSON.stringify({ source }));
    },
    () => progress.note(`    waiting for another process that installs ${key}`),
  );
  const origin = JSON.parse(await readFile(join(directory, originFile), "utf8")) as {
    source: ToolSource;
  };
  return { directory, version: tool.version, source: origin.source };
}
