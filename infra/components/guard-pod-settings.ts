import type { MigrationConfig } from "../config/migration-config.ts";
import { quantityValue } from "../config/quantity.ts";
import type { PoolFigure } from "../rollout/evidence/row.ts";
import { guardSettingsSchema } from "../rollout/guard-settings.ts";
import type { GuardPodSettings } from "../rollout/guard-settings.ts";
import { poolAdminPort } from "../rollout/names.ts";

/** What of the configuration the guard is told: nothing that changes with the stage. */
export type GuardConfig = Pick<
  MigrationConfig<unknown>,
  "evidence" | "guard" | "pool" | "profile" | "stages" | "thresholds" | "v2Limits"
>;

/** Figures that the pools' contract promises; that of the CPU needs a limit to be a share of. */
const contractFigures: readonly PoolFigure[] = [
  "memoryPercent",
  "memoryBytesPerPod",
  "workers",
  "workerFailures",
];

/** Milliseconds between two readings of V2's figures. */
const figuresInterval = { usual: 5000, rehearsal: 1000 } as const;

/**
 * What the guard's pods are started with.
 *
 * @param agents where the router-agents are found, and how many there have to be
 */
export function guardPodSettings(
  config: GuardConfig,
  agents: GuardPodSettings["agents"],
): GuardPodSettings {
  const { evidence, guard, pool, profile, stages, thresholds, v2Limits } = config;
  const cpuLimitCores = v2Limits.cpu === undefined ? null : quantityValue(v2Limits.cpu);
  const figures: readonly PoolFigure[] =
    cpuLimitCores === null ? contractFigures : ["cpuPercent", ...contractFigures];
  const isMeasured = pool.contract === "full";
  return guardSettingsSchema.parse({
    agents,
    v2: {
      metrics: isMeasured ? { port: poolAdminPort, path: pool.metricsPath } : null,
      cpuLimitCores,
      memoryLimitBytes: quantityValue(v2Limits.memory),
    },
    evaluation: {
      evidence,
      thresholds,
      intervals: {
        evaluation: guard.intervalSeconds * 1000,
        figures: profile === "rehearsal" ? figuresInterval.rehearsal : figuresInterval.usual,
      },
      controlledStages: stages.filter(({ percentage }) => percentage >= 1 && percentage <= 99)
        .length,
      figures: isMeasured ? figures : [],
    },
    guard,
  });
}
