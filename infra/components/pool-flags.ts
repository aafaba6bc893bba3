import * as k8s from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import { flagdFile } from "../rollout/flagd-file.ts";
import type { PoolFlagName } from "../rollout/flagd-file.ts";
import type { BooleanFlags } from "../rollout/flags.ts";
import { flagsFileName, objectNames, projectName } from "../rollout/names.ts";

/** What {@link declarePoolFlags} needs to know. */
export interface PoolFlagsArgs {
  readonly namespace: pulumi.Input<string>;
  readonly flags: Pick<BooleanFlags, PoolFlagName>;
}

/**
 * The ConfigMap with the pools' file of flags. It keeps its name and is changed in place: the pods that mount it are
 * not replaced, and read it again.
 */
export function declarePoolFlags(
  args: PoolFlagsArgs,
  opts: pulumi.CustomResourceOptions,
): k8s.core.v1.ConfigMap {
  return new k8s.core.v1.ConfigMap(
    objectNames.poolFlags,
    {
      metadata: {
        name: objectNames.poolFlags,
        namespace: args.namespace,
        labels: { "app.kubernetes.io/part-of": projectName },
      },
      data: { [flagsFileName]: flagdFile(args.flags) },
    },
    opts,
  );
}
