import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import {
  mkdir,
  mkdtemp,
  readFile,
  realpath,
  rename,
  rm,
  symlink,
  writeFile,
  stat,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { cacheDirectory } from "../paths.ts";
import { runCommand } from "../run-command.ts";

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

function digestOfFile(path: string): string {
  return createHash("sha256").update(readFileSync(path)).digest("hex");
}

/** Digest of what a layer holds: of its paths and contents, not of times or owners. */
function contentDigest(files: readonly LayerFile[]): string {
  const hash = createHash("sha256");
  for (const file of files) {
    const content =
      "source" in file ? digestOfFile(file.source) : "text" in file ? `"${file.text}"` : "/";
    hash.update(`${file.path}\0${content}\0`);
  }
  return hash.digest("hex");
}

/**
 * Makes a layer, or finds it in the cache: layers are named by their content, so that only what
 * changed is packed again. All files belong to root and are readable and executable as their source is.
 */
export async function buildLayer(files: readonly LayerFile[]): Promise<Layer> {
  const sorted = [...files].sort((a, b) => (a.path < b.path ? -1 : 1));
  const directory = join(cacheDirectory(), "layers");
  const digest = contentDigest(sorted);
  const archive = join(directory, `${digest}.tar`);
  const diffIdFile = `${archive}.sha256`;
  if (!existsSync(diffIdFile)) {
    await mkdir(directory, { recursive: true });
    const partial = `${archive}.${process.pid}`;
    await pack(sorted, partial);
    const diffId = digestOfFile(partial);
    await rename(partial, archive);
    await writeFile(`${partial}.sha256`, diffId);
    await rename(`${partial}.sha256`, diffIdFile);
  }
  const { size } = await stat(archive);
  return { archive, diffId: await readFile(diffIdFile, "utf8"), size };
}

/** Packs the files through a tree of links to them, which `tar` follows. */
async function pack(files: readonly LayerFile[], archive: string): Promise<void> {
  const staging = await mkdtemp(join(tmpdir(), "pool-migration-layer-"));
  try {
    for (const file of files) {
      const path = join(staging, file.path);
      await mkdir("directory" in file ? path : dirname(path), { recursive: true });
      if ("source" in file) await symlink(await realpath(file.source), path);
      if ("text" in file) await writeFile(path, file.text);
    }
    const reproducible = ["--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner"];
    const rights = "--mode=u=rwX,go=rX"; // images run as another user than the one who builds them
    const args = ["--create", "--dereference", "--format=gnu", ...reproducible, rights];
    await runCommand("tar", [...args, `--file=${archive}`, "--directory", staging, "."]);
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}
