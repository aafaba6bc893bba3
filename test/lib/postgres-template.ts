import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { TestProject } from "vitest/node";
import { withLock } from "../../scripts/local/tools/tool-cache.ts";

const run = promisify(execFile);

declare module "vitest" {
  interface ProvidedContext {
    /** Directory of this run of the tests; the data directory that servers begin with is made here. */
    readonly postgresDirectory: string;
  }
}

/** Gives the run a directory for what {@link copyTemplate} keeps; it goes with the run. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const directory = await mkdtemp(join(tmpdir(), "pool-migration-postgres-template-"));
  project.provide("postgresDirectory", directory);
  return () => rm(directory, { recursive: true, force: true });
}

/**
 * Fills a data directory as `initialise` does. Only the first of a run is made by it (initdb works for more than a
 * second); all others are copies, with their owner.
 *
 * @param runDirectory directory of the run, as `setup` provides it
 * @param data path of the data directory, which does not exist yet
 * @param initialise makes the data directory; nothing runs on it afterwards
 */
export async function copyTemplate(
  runDirectory: string,
  data: string,
  initialise: () => Promise<void>,
): Promise<void> {
  const template = join(runDirectory, "data");
  const copy = (from: string, to: string) => run("cp", ["--archive", from, to]);
  if (existsSync(template)) {
    await copy(template, data);
    return;
  }
  await withLock(template, async () => {
    if (existsSync(template)) {
      await copy(template, data);
      return;
    }
    await initialise();
    const staging = `${template}.staging`;
    await copy(data, staging);
    await rename(staging, template);
  });
}
