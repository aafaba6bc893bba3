import { settingsInForce } from "../rollout/evidence/settings.ts";
import { deriveFlags } from "../rollout/flags.ts";
import { namespaceName } from "../rollout/names.ts";
import { commandedPercentage } from "../rollout/percentage.ts";
import { findStage } from "../rollout/stages.ts";
import type {
  MigrationConfig,
  PoolConfig,
  ResourcesConfig,
  SideConfig,
} from "./migration-config.ts";
import { givenSettings } from "./rules/evidence.ts";
import { stagesInForce } from "./rules/ladder.ts";
import type { Sections } from "./schema.ts";
import { contractDefaults } from "./sections/pools.ts";

/**
 * The configuration as the program uses it.
 *
 * @param config sections that no rule objects to, so that what a stage requires is there
 */
export function assemble(config: Sections, stack: string): MigrationConfig<string> {
  const stages = stagesInForce(config) ?? [];
  const stage = findStage(stages, config.stage);
  const flags = deriveFlags(config.flags, stage);
  const { v1, v2 } = config;
  const common = config.pool.settings;
  return {
    stack,
    namespace: namespaceName(stack),
    profile: config.profile,
    stage,
    stages,
    flags,
    percentage: commandedPercentage(stage, flags, config.router.entry),
    pool: poolConfig(config),
    v1: stage.pools.v1 ? sideConfig(v1, { min: v1.replicas }, common) : undefined,
    v2: stage.pools.v2 ? sideConfig(v2, v2.replicas, { ...common, ...v2.settings }) : undefined,
    v2Limits: limitsConfig(v2.resources),
    router: routerConfig(config),
    database: databaseConfig(config),
    ...settingsInForce(config.profile, givenSettings(config)),
  };
}

function poolConfig({ pool }: Sections): PoolConfig {
  const defaults = contractDefaults[pool.contract];
  const { contract, port, metricsPath } = pool;
  const { operationTimeoutSeconds, drainTimeoutSeconds, readyTimeoutSeconds } = pool;
  return {
    contract,
    port,
    readinessPath: pool.readinessPath ?? defaults.readinessPath,
    metricsPath,
    operationTimeoutSeconds,
    drainTimeoutSeconds,
    readyTimeoutSeconds,
    idempotencyKeys: pool.idempotencyKeys ?? defaults.idempotencyKeys,
  };
}

function sideConfig(
  { image, resources }: Pick<Sections["v1"], "image" | "resources">,
  replicas: { readonly min: number; readonly max?: number | undefined },
  settings: Readonly<Record<string, string>>,
): SideConfig<string> | undefined {
  if (image === undefined) return undefined;
  const autoscaling = replicas.max === undefined ? undefined : { max: replicas.max };
  return {
    image,
    replicas: replicas.min,
    autoscaling,
    resources: { requests: resources.requests, limits: limitsConfig(resources) },
    settings,
  };
}

function limitsConfig({ limits }: Sections["v2"]["resources"]): ResourcesConfig["limits"] {
  const { cpu, memory } = limits;
  return cpu === undefined ? { memory } : { cpu, memory };
}

function routerConfig({ router, images }: Sections): MigrationConfig<string>["router"] {
  const { serviceType, entry, replicas, sessionHeader, agentToken, brakeToken } = router;
  const { router: image, tools: toolsImage } = images;
  if (
    router.retire ||
    image === undefined ||
    toolsImage === undefined ||
    agentToken === undefined
  ) {
    return { retire: true, serviceType, entry: "inline" };
  }
  return {
    retire: false,
    serviceType,
    entry,
    image,
    toolsImage,
    replicas,
    sessionHeader,
    agentToken,
    overrideToken: router.override?.token,
    brakeToken,
  };
}

function databaseConfig({ database, images }: Sections): MigrationConfig<string>["database"] {
  if (database === undefined || images.tools === undefined) return undefined;
  const { host, port, name, admin, ssl, keepMonths } = database;
  return { host, port, name, admin, ssl, keepMonths, toolsImage: images.tools };
}
