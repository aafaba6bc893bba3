import type * as k8s from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import type { MigrationConfig } from "../config/migration-config.ts";
import type { Side } from "../rollout/decision.ts";
import { retiredStage } from "../rollout/stages.ts";
import { WorkerPool } from "./worker-pool.ts";

/** What both pools are created after. */
export interface WorkerPoolsArgs {
  readonly namespace: pulumi.Input<string>;
  /** The file of flags that both pools read. */
  readonly flags: k8s.core.v1.ConfigMap;
  /** Its tables have to be there before V2 is; V1 serves without them. */
  readonly database: pulumi.Resource | undefined;
}

/** The pools that the stage has. */
export function createWorkerPools(
  config: Pick<MigrationConfig, "pool" | "stage" | "v1" | "v2">,
  { namespace, flags, database }: WorkerPoolsArgs,
  opts: { readonly provider: pulumi.ProviderResource; readonly dependsOn: pulumi.Resource[] },
): { readonly v1: WorkerPool | undefined; readonly v2: WorkerPool | undefined } {
  const { pool, stage } = config;
  const create = (side: Side, open: boolean, needed: pulumi.Resource[]) => {
    const own = config[side];
    return (
      own &&
      new WorkerPool(
        { ...own, side, open, namespace, pool, flagsConfigMap: flags.metadata.name },
        { ...opts, dependsOn: [...opts.dependsOn, ...needed] },
      )
    );
  };
  return {
    // Always open: the way back to V1 must not wait until a network policy has reached every node.
    v1: create("v1", true, []),
    // Open from the stage on at which there is no side to choose any more, so before callers are handed to it.
    v2: create("v2", stage.name === retiredStage, database ? [database] : []),
  };
}
