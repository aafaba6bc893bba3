import type { PropertyMap } from "../lib/properties.ts";
import type { Cluster } from "./cluster.ts";
import { annotation, pluck, pluckObjects, pluckText, type ObjectReference } from "./objects.ts";

/**
 * The Pods that a Deployment or Job is waiting for. Those of an older version of a Deployment are on their way out: what
 * is wrong with them does not matter.
 */
export async function awaitedPods(
  cluster: Cluster,
  object: PropertyMap,
  { kind, namespace = "default" }: ObjectReference,
  signal: AbortSignal,
): Promise<PropertyMap[]> {
  const selector = pluck(object, "spec", "selector", "matchLabels") as
    Record<string, string> | undefined;
  if (selector === undefined) return [];
  if (kind !== "Deployment") return cluster.list("v1", "Pod", namespace, selector, signal);
  const sets = await cluster.list("apps/v1", "ReplicaSet", namespace, selector, signal);
  const newest = newestReplicaSet(sets, pluckText(object, "metadata", "uid"));
  const hash = pluckText(newest, "metadata", "labels", "pod-template-hash");
  if (hash === undefined) return [];
  const labels = { ...selector, "pod-template-hash": hash };
  return cluster.list("v1", "Pod", namespace, labels, signal);
}

/** The ReplicaSet of a Deployment's latest revision. */
export function newestReplicaSet(
  sets: PropertyMap[],
  deploymentUid: string | undefined,
): PropertyMap | undefined {
  const revision = (set: PropertyMap) =>
    Number(annotation(set, "deployment.kubernetes.io/revision") ?? 0);
  return sets
    .filter((set) =>
      pluckObjects(set, "metadata", "ownerReferences").some(({ uid }) => uid === deploymentUid),
    )
    .sort((one, other) => revision(other) - revision(one))[0];
}
