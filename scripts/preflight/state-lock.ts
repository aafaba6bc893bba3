import { readdir, readFile } from "node:fs/promises";
import { homedir, hostname } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { projectName } from "../../infra/rollout/names.ts";
import { projectRoot } from "../local/paths.ts";
import type { Finding } from "./finding.ts";
import { finding, trouble } from "./finding.ts";
import { pulumi } from "./pulumi-command.ts";

const lockSchema = z.object({
  pid: z.number(),
  username: z.string(),
  hostname: z.string(),
  timestamp: z.string(),
});

/** A lock of the engine on a stack's state, as its file backends write it. */
export type StateLock = z.infer<typeof lockSchema>;

/** Whether an update holds the stack's state, or one that was killed still seems to. */
export async function checkLock(
  stack: string,
  name: string,
  signal: AbortSignal,
): Promise<Finding> {
  const whoami: unknown = JSON.parse(await pulumi(["whoami", "--json", "--verbose"], signal));
  const { url } = z.object({ url: z.string() }).parse(whoami);
  if (url.startsWith("file://")) {
    const locks = await readLocks(stateDirectory(url), name);
    return judgeLocks(stack, locks, { hostname: hostname(), isAlive });
  }
  if (url.startsWith("https://")) {
    return judgeService(stack, name, await pulumi(["stack", "ls", "--json"], signal));
  }
  return finding("skipped", `cannot be looked up in ${url.split("?")[0] ?? ""}; an up says so`);
}

/** Directory of a file backend; `~` and a relative path as the engine takes them. */
function stateDirectory(url: string): string {
  const path = url.slice("file://".length).split("?")[0] ?? "";
  if (path === "~" || path.startsWith("~/")) return join(homedir(), path.slice(1));
  return path.startsWith("/") ? fileURLToPath(`file://${path}`) : resolve(projectRoot, path);
}

async function readLocks(directory: string, name: string): Promise<StateLock[]> {
  const place = join(directory, ".pulumi", "locks", "organization", projectName, name);
  const files = await readdir(place).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return []; // no update has been run yet
    throw error;
  });
  const texts = files
    .filter((file) => file.endsWith(".json"))
    // One that was there a moment ago may be released by now.
    .map((file) => readFile(join(place, file), "utf8").catch(() => undefined));
  return (await Promise.all(texts)).flatMap((text) =>
    text === undefined ? [] : [lockSchema.parse(JSON.parse(text))],
  );
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** What locks mean to somebody on this machine. */
export function judgeLocks(
  stack: string,
  locks: readonly StateLock[],
  here: { hostname: string; isAlive: (pid: number) => boolean },
): Finding {
  if (locks.length === 0) return finding("passed", "not locked");
  const cancel = `pulumi cancel --yes --stack ${stack}`;
  const judged = locks.map((lock) => {
    const { pid, username, timestamp } = lock;
    const holder = `process ${String(pid)} of ${username} on ${lock.hostname}, since ${timestamp}`;
    if (lock.hostname !== here.hostname) {
      const what = `Locked by ${holder}; from here it cannot be seen whether that still runs.`;
      return { dead: false, what, fix: `Look there. Once it has ended: ${cancel}` };
    }
    if (here.isAlive(pid)) {
      return { dead: false, what: `Locked by ${holder}, which runs.`, fix: "Wait until it ends." };
    }
    return { dead: true, what: `Locked by ${holder}, which is dead.`, fix: `Clear it: ${cancel}` };
  });
  const outcome = judged.some(({ dead }) => dead) ? "failed" : "undecided";
  return trouble(outcome, "locked", ...judged.map(({ what, fix }) => ({ what, fix })));
}

const stacksSchema = z.array(
  z.object({ name: z.string(), updateInProgress: z.boolean().optional() }),
);

/** The same from a service's list of stacks, which does not say who holds a lock. */
export function judgeService(stack: string, name: string, list: string): Finding {
  const found = stacksSchema
    .parse(JSON.parse(list))
    .find((candidate) => candidate.name === stack || candidate.name.split("/").at(-1) === name);
  if (found?.updateInProgress !== true) return finding("passed", "no update is under way");
  return trouble("undecided", "an update is under way", {
    what: "The service says that an update of this stack is under way.",
    fix: `Wait until it ends. If its process was killed: pulumi cancel --yes --stack ${stack}`,
  });
}
