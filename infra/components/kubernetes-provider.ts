import * as k8s from "@pulumi/kubernetes";

/**
 * The provider of every Kubernetes object. It reaches the cluster as kubectl does (KUBECONFIG, the current context).
 *
 * - ConfigMaps change in place: routers watch them, and would see a replaced one vanish.
 * - An object that exists is taken: an `up` that was killed has made objects that the engine does not know of, and
 *   the next `up` has to go on from there. The namespace is the stack's own. A resource that gets another name in the
 *   program while its object keeps its name needs an alias, or the engine deletes what it has just taken.
 * - Fields that somebody else has written are taken back: a percentage that was edited by hand must not make the very
 *   `up` fail that lowers it.
 */
export function createKubernetesProvider(): k8s.Provider {
  return new k8s.Provider("kubernetes", {
    enableConfigMapMutable: true,
    upsertExistingObjects: true,
    enablePatchForce: true,
  });
}
