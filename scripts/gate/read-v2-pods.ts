import type { GateInput } from "../../infra/rollout/gate/checks.ts";
import { poolName } from "../../infra/rollout/names.ts";
import type { StackTarget } from "../lib/cluster-options.ts";
import { KubernetesError } from "../lib/kubernetes-error.ts";
import type { KubernetesObject } from "../lib/kubernetes-objects.ts";
import { resources } from "../lib/kubernetes-objects.ts";

interface Deployment extends KubernetesObject {
  spec?: { replicas?: number };
  status?: { readyReplicas?: number };
}

/** V2's pods, ready and wanted; undefined where its Deployment cannot be read. */
export async function readV2Pods(
  { client, namespace }: StackTarget,
  signal: AbortSignal,
): Promise<GateInput["v2Pods"]> {
  try {
    const kind = resources.deployments;
    const found = await client.get<Deployment>(kind, namespace, poolName("v2"), { signal });
    return { ready: found.status?.readyReplicas ?? 0, wanted: found.spec?.replicas ?? 0 };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof KubernetesError) return undefined;
    throw error;
  }
}
