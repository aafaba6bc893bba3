import { hostname, userInfo } from "node:os";
import type { BrakeObservation, BrakePatch, Engagement } from "../../infra/rollout/brake.ts";
import { objectNames } from "../../infra/rollout/names.ts";
import { isFailure } from "./kubernetes-error.ts";
import type { KubernetesClient } from "./kubernetes.ts";
import type { ConfigMap } from "./kubernetes-objects.ts";
import { resources } from "./kubernetes-objects.ts";
import type { Replica } from "./replicas.ts";

/** A person, and who says so. */
export interface Identity {
  who: string;
  /** `SelfSubjectReview` (the cluster says so) or `operating system`. */
  source: string;
}

const identityTimeoutMilliseconds = 1_000;

/**
 * Who runs the verb, as the API server knows the credentials. Where it does not answer within a second,
 * the login of the operating system: braking must not wait for a name.
 */
export async function identify(client: KubernetesClient, signal: AbortSignal): Promise<Identity> {
  try {
    const timeoutMilliseconds = identityTimeoutMilliseconds;
    const who = await client.whoAmI({ timeoutMilliseconds, signal });
    return { who, source: "SelfSubjectReview" };
  } catch {
    signal.throwIfAborted();
    return identifyLocally();
  }
}

/** Who runs the verb, as the operating system knows the login. */
export function identifyLocally(): Identity {
  return { who: `${userInfo().username}@${hostname()}`, source: "operating system" };
}

/**
 * Reads the ConfigMap `brake`.
 *
 * @throws KubernetesError for anything but an answer that says what is there or that nothing is.
 */
export async function readBrake(
  { client, namespace }: { client: KubernetesClient; namespace: string },
  signal: AbortSignal,
): Promise<BrakeObservation> {
  try {
    const { data } = await client.get<ConfigMap>(
      resources.configMaps,
      namespace,
      objectNames.brake,
      { signal },
    );
    return { kind: "present", data };
  } catch (error) {
    if (isFailure(error, "notFound")) return { kind: "absent" };
    throw error;
  }
}

/** Applies a patch of single keys to the ConfigMap `brake`. */
export async function patchBrake(
  { client, namespace }: { client: KubernetesClient; namespace: string },
  patch: BrakePatch,
  options: { signal: AbortSignal; dryRun: boolean },
): Promise<void> {
  await client.mergePatch(resources.configMaps, namespace, objectNames.brake, patch, options);
}

/** Engagements that any replica holds, each id once. */
export function heldEngagements(replicas: readonly Replica[]): Engagement[] {
  const held = new Map<string, Engagement>();
  for (const { report } of replicas) {
    for (const engagement of report?.brake.engagements ?? []) held.set(engagement.id, engagement);
  }
  return [...held.values()];
}

/** One line about an engagement: id, who, when, why. */
export function describeEngagement({ id, who, when, why, source }: Engagement): string {
  const by = source === undefined ? who : `${who} (${source})`;
  return `${id}: ${by}${when === "" ? "" : ` at ${when}`}: ${why}`;
}
