import { isFailure } from "../lib/kubernetes-error.ts";
import type { KubernetesClient } from "../lib/kubernetes.ts";
import type { KubernetesObject } from "../lib/kubernetes-objects.ts";
import { clusterWide, resources } from "../lib/kubernetes-objects.ts";
import { probeLabels, removeMade } from "./probe-pod.ts";
import type { StackPlace } from "./rights.ts";

/** Whether the namespace of the stack is there. Who may not look is told by the rights. */
export async function findPlace(
  client: KubernetesClient,
  namespace: string,
  signal: AbortSignal,
): Promise<StackPlace> {
  try {
    const { metadata } = await client.get(resources.namespaces, clusterWide, namespace, { signal });
    return { namespace, exists: metadata.deletionTimestamp === undefined };
  } catch (error) {
    if (isFailure(error, "notFound")) return { namespace, exists: false };
    // RBAC answers before it looks: a refusal says nothing about the namespace.
    if (isFailure(error, "refused")) return { namespace, exists: false };
    throw error;
  }
}

/** After this time what carries preflight's labels was left by a run that was killed. */
const staleMilliseconds = 10 * 60 * 1000;

/**
 * Runs something in a namespace for probes: that of the stack, where its quotas and policies hold; before the first
 * `up` one of its own, which is removed afterwards. What an earlier run that was killed left behind goes too.
 */
export async function withProbeNamespace<T>(
  client: KubernetesClient,
  place: StackPlace,
  suffix: string,
  use: (namespace: string) => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  await removeStale(client, place, signal);
  if (place.exists) return use(place.namespace);
  const name = `pool-migration-preflight-${suffix}`;
  const labels = { ...probeLabels, "pod-security.kubernetes.io/enforce": "restricted" };
  const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name, labels } };
  try {
    await client.create(resources.namespaces, clusterWide, namespace, { signal });
    return await use(name);
  } finally {
    await removeMade(client, resources.namespaces, clusterWide, name);
  }
}

async function removeStale(
  client: KubernetesClient,
  place: StackPlace,
  signal: AbortSignal,
): Promise<void> {
  const labelSelector = Object.entries(probeLabels)
    .map(([key, value]) => `${key}=${value}`)
    .join(",");
  const kinds = [
    { kind: resources.namespaces, namespace: clusterWide },
    ...(place.exists ? [{ kind: resources.pods, namespace: place.namespace }] : []),
  ];
  for (const { kind, namespace } of kinds) {
    const options = { labelSelector, signal };
    const { items } = await client.list<KubernetesObject>(kind, namespace, options);
    const stale = items.filter(({ metadata: { creationTimestamp, deletionTimestamp } }) => {
      const age = Date.now() - Date.parse(creationTimestamp ?? "");
      return deletionTimestamp === undefined && age > staleMilliseconds;
    });
    for (const { metadata } of stale)
      await client.delete(kind, namespace, metadata.name, { signal });
  }
}
