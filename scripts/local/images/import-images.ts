import { spawn } from "node:child_process";
import { pipeline } from "node:stream/promises";
import { containerdSocket } from "../components/containerd.ts";
import { runInside } from "../components/component.ts";
import { spawnInside } from "../namespaces.ts";
import { withDockerArchive } from "./image.ts";
import type { Image } from "./image.ts";

const client = ["--address", containerdSocket, "--namespace", "k8s.io", "images"];

/**
 * Gives containerd the images it does not have yet.
 *
 * @returns the references of those that were imported.
 */
export async function importImages(initPid: number, images: readonly Image[]): Promise<string[]> {
  const present = new Set((await runInside(initPid, "ctr", [...client, "ls", "-q"])).split("\n"));
  const missing = images.filter(({ reference }) => !present.has(reference));
  if (missing.length === 0) return [];
  await withDockerArchive(missing, async (directory, files) => {
    const archive = spawn(
      "tar",
      ["--create", "--dereference", "--directory", directory, ...files],
      {
        stdio: ["ignore", "pipe", "inherit"],
      },
    );
    const importing = spawnInside(initPid, "ctr", [...client, "import", "-"], {
      stdio: ["pipe", "ignore", "pipe"],
    });
    let errors = "";
    importing.stderr?.setEncoding("utf8").on("data", (text: string) => (errors += text));
    const ended = new Promise<number | null>((resolve, reject) => {
      importing.once("error", reject);
      importing.once("close", resolve);
    });
    if (importing.stdin === null) throw new Error("ctr has no standard input.");
    // if ctr ends early the pipe breaks; what it printed says more than that
    await pipeline(archive.stdout, importing.stdin).catch(() => undefined);
    const code = await ended;
    if (code !== 0) throw new Error(`ctr images import ended with code ${code}.\n${errors}`);
  });
  return missing.map(({ reference }) => reference);
}
