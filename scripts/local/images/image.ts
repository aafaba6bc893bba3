import { createHash } from "node:crypto";
import { goArchitecture } from "../tools/release-tool.ts";
import type { Layer } from "./layer.ts";

/**
 * Images as the OCI image specification describes them
 * (https://github.com/opencontainers/image-spec): a configuration, a manifest that names it and its
 * layers by digest, and an index that names manifests.
 */

/** A container image that is ready to be imported. */
export interface Image {
  /** `docker.io/local/<name>:<digest of its content>`. */
  readonly reference: string;
  /** The image's configuration, as JSON. */
  readonly configuration: string;
  readonly layers: readonly Layer[];
}

/** User and group of processes in the images, which is not root. */
export const imageUser = 65532;

const mediaType = {
  index: "application/vnd.oci.image.index.v1+json",
  manifest: "application/vnd.oci.image.manifest.v1+json",
  configuration: "application/vnd.oci.image.config.v1+json",
  layer: "application/vnd.oci.image.layer.v1.tar",
};

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

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
  const tag = sha256(configuration).slice(0, 16);
  return { reference: `docker.io/local/${name}:${tag}`, configuration, layers };
}

/** A file of an image layout: text, or a layer's archive. */
export type LayoutFile = { readonly text: string } | { readonly archive: string };

/**
 * The files of an OCI image layout that holds the images, by path.
 *
 * @param present digests (`sha256:<hex>`) of layers that the importer has already: the layout refers to
 *   them without holding them.
 */
export function imageLayout(
  images: readonly Image[],
  present: ReadonlySet<string> = new Set(),
): Map<string, LayoutFile> {
  const files = new Map<string, LayoutFile>();
  const addText = (type: string, text: string): object => {
    const digest = sha256(text);
    files.set(`blobs/sha256/${digest}`, { text });
    return { mediaType: type, digest: `sha256:${digest}`, size: Buffer.byteLength(text) };
  };
  const manifests = images.map((image) => {
    const layers = image.layers.map(({ archive, diffId, size }) => {
      const digest = `sha256:${diffId}`;
      if (!present.has(digest)) files.set(`blobs/sha256/${diffId}`, { archive });
      return { mediaType: mediaType.layer, digest, size };
    });
    const config = addText(mediaType.configuration, image.configuration);
    const manifest = { schemaVersion: 2, mediaType: mediaType.manifest, config, layers };
    return {
      ...addText(mediaType.manifest, JSON.stringify(manifest)),
      annotations: { "io.containerd.image.name": image.reference },
    };
  });
  const index = { schemaVersion: 2, mediaType: mediaType.index, manifests };
  files.set("oci-layout", { text: JSON.stringify({ imageLayoutVersion: "1.0.0" }) });
  files.set("index.json", { text: JSON.stringify(index) });
  return files;
}
