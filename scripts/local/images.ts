import { buildLayer } from "./images/layer.ts";
import { binaryFiles } from "./images/binary.ts";
import { describeImage } from "./images/image.ts";
import type { Image } from "./images/image.ts";
import { findProgram } from "./host-packages.ts";

/** The container that holds a pod's namespaces: it has nothing to do but to stay. */
export async function buildSandboxImage(): Promise<Image> {
  const layer = await buildLayer(await binaryFiles(findProgram("sleep"), "/usr/bin/sleep"));
  return describeImage("pause", ["/usr/bin/sleep", "infinity"], [layer]);
}
