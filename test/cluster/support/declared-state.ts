import type { StackCommands } from "../../../scripts/rehearsal/stack-commands.ts";

/** Kinds of which the stack declares objects, inside its namespace. */
const kinds = [
  ...["configmaps", "secrets", "serviceaccounts", "services", "deployments", "jobs"],
  ...["roles", "rolebindings", "poddisruptionbudgets", "networkpolicies"],
  ...["horizontalpodautoscalers", "leases"],
];

interface LiveObject {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly data?: Record<string, unknown>;
  readonly spec?: {
    readonly replicas?: number;
    readonly selector?: unknown;
    readonly template?: { readonly spec: { readonly containers: readonly { image: string }[] } };
  };
}

/**
 * What the stack's namespace holds, a line an object, sorted: names without the random part of those that the engine
 * names, and what a stage changes of their content. Secrets that no workload uses are left out: one whose creation was
 * cut off is known to nobody by its name, and goes with the namespace.
 */
export async function declaredState(commands: StackCommands): Promise<string[]> {
  const { output } = await commands.kubectl(["get", kinds.join(","), "--output=json"]);
  const { items } = JSON.parse(output) as { items: readonly LiveObject[] };
  const workloads = items.filter(({ kind }) => ["Deployment", "Job"].includes(kind));
  const inUse = JSON.stringify(workloads.map(({ spec }) => spec));
  const known = items.filter(
    ({ kind, metadata }) => kind !== "Secret" || inUse.includes(`"${metadata.name}"`),
  );
  const lines = known.map(({ kind, metadata, data, spec }) => {
    const name = metadata.name.replace(/-[0-9a-f]{8}$/, "-*");
    const images = spec?.template?.spec.containers.map(({ image }) => image);
    const content = {
      ...(kind === "ConfigMap" && name === "rollout" ? { data } : {}),
      ...(kind === "Deployment" ? { replicas: spec?.replicas, images } : {}),
      ...(kind === "Service" ? { selector: spec?.selector } : {}),
    };
    return `${kind} ${name} ${JSON.stringify(content)}`;
  });
  return [...new Set(lines)].sort();
}
