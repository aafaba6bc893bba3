import { createHash } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { mkdir, readFile, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { runCommand } from "../run-command.ts";
import { cachedDirectory } from "../tools/tool-cache.ts";

/** A file of an image: a copy of one of this machine, or text. Missing folders are made. */
export type LayerFile = { readonly path: string } & (
  { readonly source: string } | { readonly text: string } | { readonly directory: true }
);

/** A layer in the cache. */
export interface Layer {
  /** The layer as a tar archive. */
  readonly archive: string;
  /** SHA-256 of that archive, as an image's configuration names it (OCI image specification). */
  readonly diffId: string;
  /** Bytes of the archive. */
  readonly size: number;
}

const archiveName = "layer.tar";
const diffIdName = "diff-id";

function digestOfFile(path: string): string {
  return createHash("sha256").update(readFileSync(path)).digest("hex");
}

/** From this size on a file is known by size and time: reading it would take longer than all others. */
const largeFile = 1_000_000;

/**
 * Stands for a file's content in a layer's cache key. That a large file looks changed when it is not
 * costs time only: the same content gives the same archive, and so the same image.
 */
function fingerprint(file: LayerFile): string {
  if ("directory" in file) return "directory";
  if ("text" in file) return `text ${file.text}`;
  const { size, mtimeMs, ino } = statSync(file.source);
  return size < largeFile ? digestOfFile(file.source) : `${file.source} ${size} ${mtimeMs} ${ino}`;
}

function cacheKey(files: readonly LayerFile[]): string {
  const hash = createHash("sha256");
  for (const file of files) hash.update(`${file.path}\0${fingerprint(file)}\0`);
  return hash.digest("hex");
}

/**
 * Makes a layer, or finds it in the cache, so that only what changed is packed again. All files belong to
 * root and are readable and executable as their source is.
 */
export async function buildLayer(files: readonly LayerFile[]): Promise<Layer> {
  const sorted = [...files].sort((a, b) => (a.path < b.path ? -1 : 1));
  const directory = await cachedDirectory("layers", cacheKey(sorted), async (staging) => {
    const archive = join(staging, archiveName);
    await pack(sorted, join(staging, "root"), archive);
    await writeFile(join(staging, diffIdName), digestOfFile(archive));
  });
  const archive = join(directory, archiveName);
  const diffId = await readFile(join(directory, diffIdName), "utf8");
  return { archive, diffId, size: statSync(archive).size };
}

/** Packs the files through a tree of links to them, which `tar` follows. */
async function pack(files: readonly LayerFile[], tree: string, archive: string): Promise<void> {
  await mkdir(tree);
  for (const file of files) {
    const path = join(tree, file.path);
    await mkdir("directory" in file ? path : dirname(path), { recursive: true });
    if ("source" in file) await symlink(await realpath(file.source), path);
    if ("text" in file) await writeFile(path, file.text);
  }
  const reproducible = ["--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner"];
  const rights = "--mode=u=rwX,go=rX"; // images run as another user than the one who builds them
  const args = ["--create", "--dereference", "--format=gnu", ...reproducible, rights];
  await runCommand("tar", [...args, `--file=${archive}`, "--directory", tree, "."]);
  await rm(tree, { recursive: true });
}
