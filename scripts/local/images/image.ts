import { createHash } from "node:crypto";
import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { goArchitecture } from "../tools/release-tool.ts";
import type { Layer } from "./layer.ts";

/** A container image that is ready to be imported. */
export interface Image {
  /** `docker.io/local/<name>:<digest of its content>`. */
  readonly reference: string;
  /** The image's configuration (OCI image specification), as JSON. */
  readonly configuration: string;
  readonly layers: readonly Layer[];
}

/** User and group of processes in the images, which is not root. */
export const imageUser = 65532;

/** Describes an image; its tag follows from all it consists of. */
export function describeImage(
  name: string,
  entrypoint: readonly string[],
  layers: readonly Layer[],
): Image {
  const configuration = JSON.stringify({
    architecture: goArchitecture(),
    os: "linux",
    config: {
      User: `${imageUser}:${imageUser}`,
      Entrypoint: entrypoint,
      WorkingDir: "/",
      Env: ["PATH=/usr/local/bin:/usr/bin", "NODE_ENV=production", "HOME=/tmp"],
    },
    rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => `sha256:${diffId}`) },
  });
  const digest = createHash("sha256").update(configuration).digest("hex");
  return { reference: `docker.io/local/${name}:${digest.slice(0, 16)}`, configuration, layers };
}

/** Names of the files that {@link stageDockerArchive} puts into a directory. */
interface ArchiveEntry {
  readonly Config: string;
  readonly RepoTags: readonly string[];
  readonly Layers: readonly string[];
}

/** The `manifest.json` of a docker-archive: layers that images share are in it once. */
export function archiveManifest(images: readonly Image[]): ArchiveEntry[] {
  return images.map(({ reference, configuration, layers }) => ({
    Config: `${createHash("sha256").update(configuration).digest("hex")}.json`,
    RepoTags: [reference],
    Layers: layers.map(({ diffId }) => `${diffId}.tar`),
  }));
}

/**
 * Lays out images as the files of one docker-archive (the format of `docker save`) in a temporary
 * directory, layers as links, and hands `use` that directory and the files' names in order.
 */
export async function withDockerArchive<T>(
  images: readonly Image[],
  use: (directory: string, files: readonly string[]) => Promise<T>,
): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), "pool-migration-images-"));
  try {
    const manifest = archiveManifest(images);
    await writeFile(join(directory, "manifest.json"), JSON.stringify(manifest));
    const files = new Set(["manifest.json"]);
    for (const [index, entry] of manifest.entries()) {
      const image = images[index];
      if (image === undefined) continue;
      await writeFile(join(directory, entry.Config), image.configuration);
      files.add(entry.Config);
      for (const [position, name] of entry.Layers.entries()) {
        const layer = image.layers[position];
        if (layer === undefined || files.has(name)) continue;
        await symlink(layer.archive, join(directory, name));
        files.add(name);
      }
    }
    return await use(directory, [...files]);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
