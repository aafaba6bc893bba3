import { existsSync, readFileSync } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { homedir } from "node:os";
import { dirname, join } from "node:path";

import { cacheDirectory } from "../paths.ts";
import type { Progress } from "../progress.ts";
import { runCommand } from "../run-command.ts";
import { downloadRelease, ReleaseUnavailableError } from "../tools/download.ts";
import { goArchitecture } from "../tools/release-tool.ts";
import { cachedDirectory } from "../tools/tool-cache.ts";
import { standInMark } from "./executables.ts";

/** A provider of the program: the plugin that the engine starts for its resources. */
export interface ProviderPlugin {
  readonly name: "kubernetes" | "postgresql";
  /** Version that the program's SDK asks for. */
  readonly version: string;
}

/** The providers of the program, in the versions that its packages ask for. */
export function providerPlugins(): ProviderPlugin[] {
  const require = createRequire(import.meta.url);
  return (["kubernetes", "postgresql"] as const).map((name) => {
    const manifest = require(`@pulumi/${name}/package.json`) as { pulumi: { version: string } };
    return { name, version: manifest.pulumi.version };
  });
}

/** Name of a plugin's directory in the engine's cache. */
export function pluginDirectoryName({ name, version }: ProviderPlugin): string {
  return `resource-${name}-v${version}`;
}

/** After this time a download that was impossible is tried again. */
const retryMilliseconds = 6 * 60 * 60 * 1000;

/**
 * The directory of the official plugin: the one that the person's own engine has, else the cached one, else downloaded
 * now with its published checksum. Undefined if it cannot be had from here; that is remembered for six hours.
 */
export async function officialPlugin(
  plugin: ProviderPlugin,
  progress: Progress,
): Promise<string | undefined> {
  const directory = pluginDirectoryName(plugin);
  const home = process.env["PULUMI_HOME"] ?? join(homedir(), ".pulumi");
  const installed = [join(home, "plugins"), join(cacheDirectory(), "plugins")]
    .map((parent) => join(parent, directory))
    .find((candidate) => isOfficial(candidate, plugin));
  if (installed !== undefined) return installed;
  if (Date.now() - lastRefusal(directory) < retryMilliseconds) return undefined;
  const unavailable = await progress.step(
    `Official provider ${plugin.name} ${plugin.version}`,
    async (detail) => {
      try {
        await cachedDirectory("plugins", directory, async (staging) => {
          const archive = await downloadRelease(releaseOf(plugin), detail);
          await runCommand("tar", ["-xzf", archive, "-C", staging, "--no-same-owner"]);
          await rm(archive, { force: true });
        });
        return undefined;
      } catch (error) {
        if (!(error instanceof ReleaseUnavailableError)) throw error;
        return error.message;
      }
    },
  );
  if (unavailable === undefined) return join(cacheDirectory(), "plugins", directory);
  progress.note(`    ${unavailable}: this project's stand-in for it is used.`);
  await rememberRefusal(directory);
  return undefined;
}

function isOfficial(directory: string, { name }: ProviderPlugin): boolean {
  return (
    existsSync(join(directory, `pulumi-resource-${name}`)) &&
    !existsSync(join(directory, standInMark))
  );
}

function releaseOf({ name, version }: ProviderPlugin) {
  const release = `https://github.com/pulumi/pulumi-${name}/releases/download/v${version}`;
  const archive = `pulumi-resource-${name}-v${version}-linux-${goArchitecture()}.tar.gz`;
  return {
    url: `${release}/${archive}`,
    checksumUrl: `${release}/pulumi-${name}_${version}_checksums.txt`,
  };
}

function refusalsFile(): string {
  return join(cacheDirectory(), "plugins", "unavailable.json");
}

function readRefusals(): Record<string, number> {
  try {
    return JSON.parse(readFileSync(refusalsFile(), "utf8")) as Record<string, number>;
  } catch {
    return {}; // none yet, or unreadable: then it is tried
  }
}

/** When a download was found to be impossible, in milliseconds since 1970; 0 if never. */
function lastRefusal(directory: string): number {
  return readRefusals()[directory] ?? 0;
}

async function rememberRefusal(directory: string): Promise<void> {
  const file = refusalsFile();
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, JSON.stringify({ ...readRefusals(), [directory]: Date.now() }));
}
