import * as k8s from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import { objectNames, workloadLabels } from "../rollout/names.ts";
import { rolloutData } from "../rollout/rollout-record.ts";
import type { RolloutRecord } from "../rollout/rollout-record.ts";

/** What {@link declareRollout} needs to know. */
export interface RolloutDeclarationArgs extends RolloutRecord {
  /** Name of the stack's namespace: a plain string, so that nothing has to be registered before. */
  readonly namespace: string;
  /** The only resource that the declaration depends on. */
  readonly provider: pulumi.ProviderResource;
}

/**
 * The ConfigMap that commands the percentage. No component owns it: a parent is one more registration to wait for,
 * and this resource has to be the first that the engine works on. A resource that fails at once ends the update
 * before later ones are touched, and lowering the traffic must not be among those. While the namespace does not
 * exist yet, the provider repeats the create.
 */
export function declareRollout(args: RolloutDeclarationArgs): k8s.core.v1.ConfigMap {
  return new k8s.core.v1.ConfigMap(
    objectNames.rollout,
    {
      metadata: {
        name: objectNames.rollout,
        namespace: args.namespace,
        labels: workloadLabels(objectNames.router),
      },
      data: rolloutData(args.stage, args.percentage),
    },
    { provider: args.provider },
  );
}
