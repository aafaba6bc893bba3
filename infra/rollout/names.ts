import type { Side } from "./decision.ts";

/** Pulumi project, and so the namespace of every configuration key (`pool-migration:stage`). */
export const projectName = "pool-migration";

/** Names of the objects whose name other parts must know. They are unique within a stack's namespace. */
export const objectNames = {
  /** ConfigMap with the declared stage and percentage; written by the stack alone. */
  rollout: "rollout",
  /** ConfigMap of the brake; declared without data, written by people and by the guard. */
  brake: "brake",
  /** Deployment, Service, ServiceAccount, Role and PodDisruptionBudget of the router. */
  router: "router",
  /** Headless Service by whose name the guard finds the router-agents. */
  routerAgents: "router-agents",
  /** Secret with the keys `agent` and, where the override header is in use, `override`. */
  routerTokens: "router-tokens",
  /** Service that callers use; its selector says whether they come through the router. */
  pool: "pool",
  /** ConfigMap with the flags that both pools read. */
  poolFlags: "pool-flags",
  /** Deployment, ServiceAccount, Role and PodDisruptionBudget of the guard, and the Lease of the one that journals. */
  guard: "guard",
} as const;

/** Key of the ConfigMap `pool-flags`, and so the name of the file that the pools read. */
export const flagsFileName = "flags.json";

/** Port on which a pool of the full contract has its probes and metrics, out of the callers' reach. */
export const poolAdminPort = 9090;

/** Name of a side's Deployment, headless Service and ServiceAccount. */
export function poolName(side: Side): "pool-v1" | "pool-v2" {
  return `pool-${side}`;
}

/** Longest name that Kubernetes accepts for a namespace (RFC 1123 label). */
const maximumLabelLength = 63;

/**
 * Kubernetes namespace that a stack owns.
 *
 * @param stack name of the Pulumi stack, without organisation and project
 * @throws RangeError when the stack's name cannot be part of a namespace's name: Pulumi also accepts capitals,
 *   dots and underscores, a namespace is an RFC 1123 label (lower-case letters, digits, hyphens)
 */
export function namespaceName(stack: string): string {
  const name = `${projectName}-${stack}`;
  if (!/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(stack) || name.length > maximumLabelLength) {
    throw new RangeError(
      `The stack name "${stack}" cannot name a Kubernetes namespace: use 1 to ` +
        `${maximumLabelLength - projectName.length - 1} lower-case letters, digits and inner hyphens, ` +
        "for example: pulumi stack init dev",
    );
  }
  return name;
}

/**
 * Fully qualified name of a Service inside the cluster. The trailing dot keeps a resolver from trying its search
 * domains first.
 */
export function serviceHost(service: string, namespace: string): string {
  return `${service}.${namespace}.svc.cluster.local.`;
}

/** Labels of every object that belongs to one workload (the recommended labels of Kubernetes). */
export function workloadLabels(name: string): Record<string, string> {
  return { ...workloadSelector(name), "app.kubernetes.io/part-of": projectName };
}

/** Label selector of a workload: by name only, because a Deployment's selector can never be changed. */
export function workloadSelector(name: string): Record<string, string> {
  return { "app.kubernetes.io/name": name };
}
