import * as pulumi from "@pulumi/pulumi";
import { callersAddress, declareCallersService } from "./components/callers-service.ts";
import { declareGuard } from "./components/guard.ts";
import { createKubernetesProvider } from "./components/kubernetes-provider.ts";
import { MigrationDatabase } from "./components/migration-database.ts";
import { declarePoolFlags } from "./components/pool-flags.ts";
import { declareRollout } from "./components/rollout-declaration.ts";
import { createNamespace } from "./components/stack-namespace.ts";
import { TrafficRouter } from "./components/traffic-router.ts";
import { createWorkerPools } from "./components/worker-pools.ts";
import { loadConfig } from "./config/load.ts";

/**
 * The stack: declares the percentage, then everything else. All else waits until the percentage is written, and until
 * callers are led past the router where that is declared: lowering traffic succeeds whatever else is refused in the
 * same update, be it an image, a quota or the database. Callers are led to the router, or to V2 once the router
 * retires, after its pods are ready.
 *
 * @returns the stack's outputs
 */
export function program() {
  const config = loadConfig(pulumi.getStack());
  const { percentage, pool, stage } = config;
  const provider = createKubernetesProvider();
  const declared = { provider, namespace: config.namespace, stage: stage.name, percentage };
  const rollout = config.router.retire ? [] : [declareRollout(declared)];
  const namespace = createNamespace(config.namespace, provider).metadata.name;
  const leadCallers = (dependsOn: pulumi.Resource[]) =>
    declareCallersService(config, namespace, { provider, dependsOn });
  const besideService = config.router.entry === "beside" ? leadCallers(rollout) : undefined;
  const opts = { provider, dependsOn: besideService ? [...rollout, besideService] : rollout };

  const flags = declarePoolFlags({ namespace, flags: config.flags }, opts);
  const router = config.router.retire
    ? undefined
    : new TrafficRouter(
        { ...config.router, pool, namespaceName: config.namespace, namespace },
        opts,
      );
  const { readyTimeoutSeconds } = pool;
  const database =
    config.database &&
    new MigrationDatabase("database", { ...config.database, namespace, readyTimeoutSeconds }, opts);
  declareGuard(config, { namespace, router, flags, database }, opts);
  const { v1, v2 } = createWorkerPools(config, { namespace, flags, database }, opts);
  const target = router ?? v2;
  const callers = besideService ?? leadCallers(target ? [target] : []);

  return {
    stage: stage.name,
    percentage,
    // Declared is not yet in force: a brake that is engaged and a raise without a ready V2 hold it back.
    status: `npm run status -- --stack ${config.stack}`,
    gradualRolloutPercentage: config.flags.gradualRolloutPercentage,
    flags: config.flags,
    profile: config.profile,
    namespace,
    callersAddress: callersAddress(callers, pool.port),
    // Once the router is gone these say so: an output without a value is one that the engine warns of.
    routerAddress: router?.address ?? null,
    routerTokensSecret: router?.tokensSecret ?? null,
    pools: { v1: v1?.deploymentName, v2: v2?.deploymentName },
  };
}
