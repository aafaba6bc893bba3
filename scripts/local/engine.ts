import { existsSync, readFileSync, realpathSync } from "node:fs";
import { mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";

import { linkFile, linkFiles, standInMark, writeExecutable } from "./engine/executables.ts";
import { officialPlugin, pluginDirectoryName, providerPlugins } from "./engine/provider-plugins.ts";
import type { ProviderPlugin } from "./engine/provider-plugins.ts";
import { cacheDirectory } from "./paths.ts";
import type { Progress } from "./progress.ts";
import type { InstalledPulumi } from "./tools/pulumi.ts";
import type { ToolSource } from "./tools/release-tool.ts";

/** A part that is either the publisher's own or this project's stand-in for it. */
export type PartKind = "official" | "stand-in";

/** What runs a stack here, and what of it is official. The engine always is. */
export interface EngineInventory {
  readonly engine: { readonly version: string; readonly source: ToolSource };
  readonly languageHost: PartKind;
  readonly providers: Readonly<
    Record<string, { readonly version: string; readonly kind: PartKind }>
  >;
}

/** Where an engine keeps its things. */
export interface EnginePlace {
  /** Directory of the environment that the engine belongs to. */
  readonly stateDirectory: string;
}

const standIns = import.meta.dirname;

function engineDirectory({ stateDirectory }: EnginePlace, ...parts: string[]): string {
  return join(stateDirectory, "engine", ...parts);
}

/**
 * Puts an engine together in the environment's directory: the `pulumi` given, the Node language host and the program's
 * providers, each the official one where it can be had. A stand-in takes the place in which the engine looks for the
 * official part (beside the engine, in its plugin cache), so that it is found without a word about it in every output.
 *
 * Doing it again brings everything up to date.
 */
export async function prepareEngine(
  place: EnginePlace,
  pulumi: InstalledPulumi,
  progress: Progress,
): Promise<EngineInventory> {
  await mkdir(engineDirectory(place, "backend"), { recursive: true });
  const isOfficialHost = await placeEngine(engineDirectory(place, "bin"), pulumi);
  const providers: Record<string, { version: string; kind: PartKind }> = {};
  for (const plugin of providerPlugins()) {
    const official = await officialPlugin(plugin, progress);
    await placePlugin(engineDirectory(place, "home", "plugins"), plugin, official);
    const kind = official === undefined ? "stand-in" : "official";
    providers[plugin.name] = { version: plugin.version, kind };
  }
  const inventory: EngineInventory = {
    engine: { version: pulumi.version, source: pulumi.source },
    languageHost: isOfficialHost ? "official" : "stand-in",
    providers,
  };
  await writeFile(inventoryFile(place), JSON.stringify(inventory, undefined, 2));
  return inventory;
}

/** Fills the directory of the engine; returns whether its Node language host is the official one. */
async function placeEngine(bin: string, pulumi: InstalledPulumi): Promise<boolean> {
  await mkdir(bin, { recursive: true });
  const binary = realpathSync(pulumi.binary);
  const isOfficial = existsSync(join(dirname(binary), languageHost));
  // The engine's file itself must lie here: it looks for its language hosts where its file is.
  await linkFile(binary, join(bin, "pulumi"));
  if (isOfficial) await linkFiles(dirname(binary), bin, "pulumi-");
  else await writeExecutable(join(bin, languageHost), join(standIns, "language-host", "main.ts"));
  // The official host runs whichever `node` it finds first; programs need the version of this project.
  await rm(join(bin, "node"), { force: true });
  await symlink(process.execPath, join(bin, "node"));
  return isOfficial;
}

/** Puts a provider into the engine's plugin cache: the official one, else the stand-in. */
async function placePlugin(
  cache: string,
  plugin: ProviderPlugin,
  official: string | undefined,
): Promise<void> {
  const directory = join(cache, pluginDirectoryName(plugin));
  const mark = join(directory, standInMark);
  if (official !== undefined) {
    await rm(mark, { force: true });
    await linkFiles(official, directory);
    return;
  }
  await mkdir(directory, { recursive: true });
  await writeFile(mark, "");
  const script = join(standIns, "providers", plugin.name, "main.ts");
  await writeExecutable(join(directory, `pulumi-resource-${plugin.name}`), script);
}

const languageHost = "pulumi-language-nodejs";

function inventoryFile(place: EnginePlace): string {
  return engineDirectory(place, "inventory.json");
}

/** What {@link prepareEngine} put together; undefined before that. */
export function engineInventory(place: EnginePlace): EngineInventory | undefined {
  const file = inventoryFile(place);
  if (!existsSync(file)) return undefined;
  return JSON.parse(readFileSync(file, "utf8")) as EngineInventory;
}

/** Environment of commands of the engine that {@link prepareEngine} put together. */
export function engineVariables(
  place: EnginePlace & {
    /** File that holds the passphrase of the stacks' secrets. */
    readonly passphraseFile: string;
    /** PATH to put the engine in front of. Default: that of this process. */
    readonly path?: string | undefined;
  },
): Record<string, string> {
  return {
    PATH: [engineDirectory(place, "bin"), place.path ?? process.env["PATH"] ?? ""].join(delimiter),
    PULUMI_HOME: engineDirectory(place, "home"),
    PULUMI_BACKEND_URL: `file://${engineDirectory(place, "backend")}`,
    PULUMI_CONFIG_PASSPHRASE_FILE: place.passphraseFile,
    PULUMI_SKIP_UPDATE_CHECK: "true",
    // Every plugin is there already: one that is missing must be an error at once, not a download that hangs.
    PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
    // Compiled modules of SDK and stand-ins: saves a third of the time that Node takes to load them.
    NODE_COMPILE_CACHE: join(cacheDirectory(), "node-compile-cache"),
  };
}
