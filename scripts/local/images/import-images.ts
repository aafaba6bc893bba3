import { spawn } from "node:child_process";
import { mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { runInside } from "../components/component.ts";
import { containerdSocket } from "../components/containerd.ts";
import { LocalError } from "../local-error.ts";
import { spawnInside } from "../namespaces.ts";
import { imageLayout } from "./image.ts";
import type { Image, LayoutFile } from "./image.ts";

const client = ["--address", containerdSocket, "--namespace", "k8s.io"];

async function linesOf(initPid: number, ...command: string[]): Promise<Set<string>> {
  return new Set((await runInside(initPid, "ctr", [...client, ...command])).split("\n"));
}

/**
 * Gives containerd the images it does not have yet; of these only the layers that it does not have.
 *
 * @param directory where the import is laid out; it is removed afterwards.
 * @returns the references of those that were imported.
 */
export async function importImages(
  initPid: number,
  images: readonly Image[],
  directory: string,
): Promise<string[]> {
  const present = await linesOf(initPid, "images", "ls", "-q");
  const missing = images.filter(({ reference }) => !present.has(reference));
  if (missing.length === 0) return [];
  const layout = imageLayout(missing, await linesOf(initPid, "content", "ls", "-q"));
  await rm(directory, { recursive: true, force: true }); // what a killed run left
  try {
    for (const [path, file] of layout) await writeLayoutFile(join(directory, path), file);
    await streamInto(initPid, directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
  return missing.map(({ reference }) => reference);
}

async function writeLayoutFile(path: string, file: LayoutFile): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  if ("text" in file) await writeFile(path, file.text);
  else await symlink(file.archive, path);
}

/** Imports a layout without storing it as an archive first. */
async function streamInto(initPid: number, directory: string): Promise<void> {
  const archive = spawn("tar", ["--create", "--dereference", "--directory", directory, "."], {
    stdio: ["ignore", "pipe", "ignore"], // it can only complain that ctr no longer reads
  });
  const importing = spawnInside(initPid, "ctr", [...client, "images", "import", "-"], {
    stdio: ["pipe", "ignore", "pipe"],
  });
  if (importing.stdin === null || importing.stderr === null) throw new Error("ctr has no pipes.");
  let errors = "";
  importing.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));
  const ended = new Promise<number | null>((resolve, reject) => {
    importing.once("error", reject);
    importing.once("close", resolve);
  });
  // If ctr ends early the pipe breaks; what it printed says more than that.
  await pipeline(archive.stdout, importing.stdin).catch(() => undefined);
  const code = await ended;
  if (code !== 0) throw new LocalError(`ctr images import ended with code ${code}.\n${errors}`);
}
