import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { createServer } from "node:net";
import type { Server } from "node:net";
import { basename, dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { cacheDirectory } from "../paths.ts";

const pollMilliseconds = 250;

/** Tries to become the owner of an abstract socket; undefined if another process owns it. */
async function listenOn(name: string): Promise<Server | undefined> {
  const server = createServer((socket) => socket.destroy());
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") resolve(undefined);
      else reject(error);
    });
    // unix(7) allows 107 bytes, less than a path may have
    const digest = createHash("sha256").update(name).digest("hex");
    server.listen(`\0pool-migration/${digest}`, () => resolve(server));
  });
}

/**
 * Runs `action` while no other process on this machine holds the lock of that name. The lock is
 * an abstract Unix socket (unix(7)): the kernel releases it when its owner dies, however it dies,
 * so that no stale lock can be left behind.
 *
 * @param waiting called once if another process holds the lock.
 */
export async function withLock<T>(
  name: string,
  action: () => Promise<T>,
  waiting?: () => void,
): Promise<T> {
  let server = await listenOn(name);
  if (server === undefined) waiting?.();
  while (server === undefined) {
    await delay(pollMilliseconds);
    server = await listenOn(name);
  }
  try {
    return await action();
  } finally {
    server.close();
  }
}

/**
 * The cached directory `<cache>/<kind>/<name>`, made by `produce` if it is not there. `produce`
 * fills a staging directory that becomes the final one by rename, so that an interrupted run never
 * leaves half a tool, and one process at a time does the work.
 *
 * @returns the path of the complete directory.
 */
export async function cachedDirectory(
  kind: string,
  name: string,
  produce: (staging: string) => Promise<void>,
  waiting?: () => void,
): Promise<string> {
  const directory = join(cacheDirectory(), kind, name);
  if (existsSync(directory)) return directory;
  return withLock(
    directory,
    async () => {
      if (existsSync(directory)) return directory;
      await mkdir(dirname(directory), { recursive: true });
      await removeStagings(directory);
      const staging = await mkdtemp(`${directory}.staging-`);
      try {
        await produce(staging);
        await rename(staging, directory);
      } catch (error) {
        await rm(staging, { recursive: true, force: true });
        throw error;
      }
      return directory;
    },
    waiting,
  );
}

/** What a killed run left behind; safe because the caller holds the lock. */
async function removeStagings(directory: string): Promise<void> {
  const prefix = `${basename(directory)}.staging-`;
  for (const entry of await readdir(dirname(directory))) {
    if (entry.startsWith(prefix)) {
      await rm(join(dirname(directory), entry), { recursive: true, force: true });
    }
  }
}
