import * as k8s from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import { projectName } from "../rollout/names.ts";

/**
 * The API server refuses every pod in the namespace that the Pod Security Standard "restricted" does not allow, and
 * warns whoever declares a workload of such pods
 * (https://kubernetes.io/docs/concepts/security/pod-security-admission/).
 */
const restrictedPods = Object.fromEntries(
  ["enforce", "audit", "warn"].flatMap((mode) => [
    [`pod-security.kubernetes.io/${mode}`, "restricted"],
    [`pod-security.kubernetes.io/${mode}-version`, "latest"],
  ]),
);

/**
 * The namespace, owned by the stack: destroying the stack also removes what an update that was killed left in it.
 *
 * Its name waits for the provider explicitly. The ConfigMap `rollout` waits for nothing else either, and so is
 * registered one step earlier.
 */
export function createNamespace(
  name: string,
  provider: pulumi.ProviderResource,
): k8s.core.v1.Namespace {
  return new k8s.core.v1.Namespace(
    "namespace",
    {
      metadata: {
        name: provider.urn.apply(() => name),
        labels: { "app.kubernetes.io/part-of": projectName, ...restrictedPods },
      },
    },
    { provider },
  );
}
