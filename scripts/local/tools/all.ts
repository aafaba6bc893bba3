import type { Progress } from "../progress.ts";
import { ensureCoreDns, ensureEtcd, ensureKubernetes } from "./kubernetes.ts";
import type { InstalledTool } from "./release-tool.ts";

/** The programs a local environment consists of, beside those of the machine's own packages. */
export interface Tools {
  readonly kubernetes: InstalledTool;
  readonly etcd: InstalledTool;
  readonly coreDns: InstalledTool;
}

/** Makes the cluster's programs available, one after the other: a build uses all processors. */
export async function ensureTools(progress: Progress, signal?: AbortSignal): Promise<Tools> {
  const etcd = await ensureEtcd(progress, signal);
  const coreDns = await ensureCoreDns(progress, signal);
  const kubernetes = await ensureKubernetes(progress, signal);
  return { kubernetes, etcd, coreDns };
}
