import { join } from "node:path";
import { findProgram } from "./host-packages.ts";
import { applicationFiles } from "./images/application.ts";
import { binaryFiles } from "./images/binary.ts";
import { describeImage, imageUser } from "./images/image.ts";
import type { Image } from "./images/image.ts";
import { buildLayer } from "./images/layer.ts";
import type { Layer, LayerFile } from "./images/layer.ts";
import { ensureEnvoy } from "./tools/envoy.ts";

/**
 * The project's container images, made without Docker and without a base image: programs of this
 * machine with the libraries they need. Layers are cached by content, tags follow from content, so that
 * a change of one source file costs one small layer.
 */

const node = "/usr/local/bin/node";

/** What the C library wants to know about names of users and hosts, and a folder to mount over. */
const accountFiles: readonly LayerFile[] = [
  { path: "/etc/passwd", text: `nonroot:x:${imageUser}:${imageUser}:nonroot:/tmp:/sbin/nologin\n` },
  { path: "/etc/group", text: `nonroot:x:${imageUser}:\n` },
  { path: "/etc/nsswitch.conf", text: "hosts: files dns\n" },
  { path: "/tmp", directory: true },
];

/** The images of this project, by what they are for. */
export type ProjectImages = Readonly<Record<"pool-v1" | "pool-v2" | "router" | "tools", Image>>;

/** The container that holds a pod's namespaces: it has nothing to do but to stay. */
export async function buildSandboxImage(): Promise<Image> {
  const layer = await buildLayer(await binaryFiles(findProgram("sleep"), "/usr/bin/sleep"));
  return describeImage("pause", ["/usr/bin/sleep", "infinity"], [layer]);
}

async function applicationLayers(
  entryPoints: readonly string[],
  directories?: readonly string[],
): Promise<Layer[]> {
  const { packages, sources } = await applicationFiles(entryPoints, directories);
  return [await buildLayer(packages), await buildLayer(sources)];
}

/** Builds the project's images, or finds their layers in the cache. */
export async function buildImages(): Promise<ProjectImages> {
  const base = await buildLayer([...(await binaryFiles(process.execPath, node)), ...accountFiles]);
  const envoyBinary = await binaryFiles(await ensureEnvoy(), "/usr/local/bin/envoy");
  const envoy = await buildLayer(envoyBinary);
  const agents = "scripts/agents";
  const router = await applicationLayers([`${agents}/router-agent.ts`, `${agents}/drain.ts`]);
  const database = "infra/database";
  const tools = await applicationLayers(
    [`${agents}/guard.ts`, `${agents}/migrate.ts`],
    [`${database}/migrations`, `${database}/verify`],
  );
  const pools = await applicationLayers([
    "test/pool/v1.ts",
    "test/pool/v2.ts",
    // Started by its address and not imported.
    "test/pool/workers/worker-thread.ts",
  ]);
  const program = (path: string): string[] => [node, join("/app", path)];
  const pool = (version: string): Image =>
    describeImage(`pool-${version}`, program(`test/pool/${version}.ts`), [base, ...pools]);
  return {
    "pool-v1": pool("v1"),
    "pool-v2": pool("v2"),
    router: describeImage("router", program(`${agents}/router-agent.ts`), [base, envoy, ...router]),
    tools: describeImage("tools", program(`${agents}/migrate.ts`), [base, ...tools]),
  };
}
