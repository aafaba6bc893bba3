import { homedir } from "node:os";
import { join } from "node:path";
import { exitCodes } from "../lib/verb.ts";
import { LocalError } from "./local-error.ts";

/** Root of this repository's checkout (the directory of package.json). */
export const projectRoot = join(import.meta.dirname, "..", "..");

const applicationDirectory = "pool-migration";

/**
 * Where downloaded and built tools live, keyed by version: `$XDG_CACHE_HOME/pool-migration`
 * (XDG Base Directory Specification). Safe to delete; it is filled again on the next run.
 */
export function cacheDirectory(): string {
  return join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), applicationDirectory);
}

/** `$XDG_STATE_HOME/pool-migration`: one directory per environment, plus what they share. */
export function stateRoot(): string {
  return join(
    process.env["XDG_STATE_HOME"] || join(homedir(), ".local", "state"),
    applicationDirectory,
  );
}

/** Directory of one local environment: its process ids, kubeconfig, logs, secrets, engine state. */
export function environmentDirectory(name: string): string {
  return join(stateRoot(), name);
}

/**
 * Name of the local environment a command works on: the argument, else
 * `POOL_MIGRATION_ENVIRONMENT`, else `default`.
 *
 * @throws if it is not 1 to 32 lower-case letters, digits and inner hyphens: it becomes part of
 *   directory and cgroup names.
 */
export function environmentName(argument?: string): string {
  const name = argument ?? process.env["POOL_MIGRATION_ENVIRONMENT"] ?? "default";
  if (!/^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/.test(name)) {
    throw new LocalError(
      `Environment name ${JSON.stringify(name)} is not allowed: use 1 to 32 lower-case letters, ` +
        `digits and inner hyphens, for example --name dev-2.`,
      exitCodes.refused,
    );
  }
  return name;
}
