import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { MigrationDatabase } from "./components/migration-database.ts";
import { declareRollout } from "./components/rollout-declaration.ts";
import { createNamespace } from "./components/stack-namespace.ts";
import { TrafficRouter } from "./components/traffic-router.ts";
import { WorkerPool } from "./components/worker-pool.ts";
import { loadConfig } from "./config/load.ts";
import type { SideConfig } from "./config/migration-config.ts";
import type { Side } from "./rollout/decision.ts";

/**
 * The stack: declares the percentage, then everything else. All else waits until the percentage is written: lowering
 * traffic succeeds whatever else is refused in the same update, be it an image, a quota or the database.
 *
 * @returns the stack's outputs
 */
export function program() {
  const config = loadConfig(pulumi.getStack());
  const provider = new k8s.Provider("kubernetes", { enableConfigMapMutable: true });
  const rollout = declareRollout({
    provider,
    namespace: config.namespace,
    stage: config.stage.name,
    percentage: config.percentage,
  });
  const namespace = createNamespace(config.namespace, provider).metadata.name;
  const opts = { provider, dependsOn: [rollout] };

  const router = new TrafficRouter(
    { ...config.router, pool: config.pool, namespaceName: config.namespace, namespace },
    opts,
  );
  const database =
    config.database && new MigrationDatabase("database", { ...config.database, namespace }, opts);
  const createPool = (side: Side, args: SideConfig | undefined, needed: pulumi.Resource[]) =>
    args &&
    new WorkerPool(
      { ...args, side, namespace, pool: config.pool },
      { provider, dependsOn: [rollout, ...needed] },
    );
  const v1 = createPool("v1", config.v1, []);
  const v2 = createPool("v2", config.v2, database ? [database] : []);

  return {
    stage: config.stage.name,
    percentage: config.percentage,
    gradualRolloutPercentage: config.flags.gradualRolloutPercentage,
    flags: config.flags,
    profile: config.profile,
    namespace,
    routerAddress: router.address,
    routerTokensSecret: router.tokensSecret,
    pools: { v1: v1?.deploymentName, v2: v2?.deploymentName },
  };
}
