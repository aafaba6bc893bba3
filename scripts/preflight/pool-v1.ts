import { poolName } from "../../infra/rollout/names.ts";
import { isFailure } from "../lib/kubernetes-error.ts";
import type { KubernetesClient } from "../lib/kubernetes.ts";
import type { KubernetesObject } from "../lib/kubernetes-objects.ts";
import { resources } from "../lib/kubernetes-objects.ts";
import type { Finding } from "./finding.ts";
import { finding, trouble } from "./finding.ts";
import type { PlainConfig } from "./stack-config.ts";

interface Deployment extends KubernetesObject {
  spec: { replicas?: number };
  status?: { readyReplicas?: number };
}

interface EndpointSlice extends KubernetesObject {
  endpoints?: { conditions?: { serving?: boolean } }[];
}

const name = poolName("v1");

/** Whether V1, to which everything falls back, has all its pods, and its name leads to them. */
export async function checkV1(
  client: KubernetesClient,
  namespace: string,
  config: PlainConfig | undefined,
  signal: AbortSignal,
): Promise<Finding> {
  if (config !== undefined && config.v1 === undefined) {
    return finding("skipped", `stage ${config.stage.name} has no V1`);
  }
  let deployment: Deployment;
  try {
    deployment = await client.get(resources.deployments, namespace, name, { signal });
  } catch (error) {
    if (!isFailure(error, "notFound")) throw error;
    const image = config?.v1 === undefined ? "" : `; the first up makes it of ${config.v1.image}`;
    return finding("skipped", `not deployed yet${image}`);
  }
  const { items } = await client.list<EndpointSlice>(resources.endpointSlices, namespace, {
    labelSelector: `kubernetes.io/service-name=${name}`,
    signal,
  });
  // Not-ready pods are published too, so `serving` alone tells them apart.
  const serving = items
    .flatMap(({ endpoints }) => endpoints ?? [])
    .filter(({ conditions }) => conditions?.serving !== false).length;
  return judgeV1(namespace, {
    declared: deployment.spec.replicas ?? 1,
    ready: deployment.status?.readyReplicas ?? 0,
    serving,
  });
}

/** Pods of V1: how many there are to be, how many are ready, and how many addresses of them the name has. */
export interface V1Pods {
  readonly declared: number;
  readonly ready: number;
  readonly serving: number;
}

/** Whether these are all of them. */
export function judgeV1(namespace: string, { declared, ready, serving }: V1Pods): Finding {
  const detail = `${String(ready)} of ${String(declared)} pods ready, ${String(serving)} addresses`;
  if (declared > 0 && ready >= declared && serving >= declared) return finding("passed", detail);
  return trouble("failed", detail, {
    what:
      `V1 serves whatever V2 does not, so all of it has to be ready: of ${String(declared)} pods ` +
      `${String(ready)} are, ${String(serving)} of them under the name ${name}.`,
    fix:
      `See why: kubectl --namespace=${namespace} describe deployment,pods ` +
      `--selector=app.kubernetes.io/name=${name}`,
  });
}
