import { settingsInForce } from "../../../infra/rollout/evidence/settings.ts";
import { guardSettingsSchema } from "../../../infra/rollout/guard-settings.ts";
import { tokens } from "../../../test/guard/support/simulated-agent.ts";
import type { MigrateSettings } from "../../agents/migrate/settings.ts";
import { namespace } from "./plan.ts";
import type { GuardLoad, WorldPlace } from "./plan.ts";

/**
 * Environment of the guard's container with the defaults of a stack whose V2 keeps to the contract and has a CPU limit,
 * and whose threshold of slow answers is set: none can be frozen in a shadow stage that lasts no time.
 *
 * @param port of the guard's own interface
 * @param database as the writer; undefined: nothing is journaled
 */
export function guardEnvironment(
  port: number,
  load: Pick<GuardLoad, "agents" | "figuresSeconds">,
  world: Pick<WorldPlace, "agents" | "metricsPort">,
  database: MigrateSettings | undefined,
): Readonly<Record<string, string>> {
  const { evidence, thresholds, guard } = settingsInForce("accelerated", {
    evidence: { slowMilliseconds: 300 },
  });
  const settings = guardSettingsSchema.parse({
    bindAddress: "127.0.0.1",
    port,
    agents: { ...world.agents, expected: load.agents },
    v2: {
      metrics: { port: world.metricsPort, path: "/metrics" },
      cpuLimitCores: 1,
      memoryLimitBytes: 512 * 2 ** 20,
    },
    evaluation: {
      evidence,
      thresholds,
      intervals: { evaluation: guard.intervalSeconds * 1000, figures: load.figuresSeconds * 1000 },
      controlledStages: 5,
      figures: ["cpuPercent", "memoryPercent", "memoryBytesPerPod", "workers", "workerFailures"],
    },
    guard,
  });
  return {
    GUARD_SETTINGS: JSON.stringify(settings),
    POD_NAME: "guard-0",
    POD_NAMESPACE: namespace,
    GUARD_TOKEN: tokens.agent,
    ROUTER_BRAKE_TOKEN: tokens.brake,
    NODE_OPTIONS: "--max-semi-space-size=2 --max-old-space-size=144",
    MALLOC_ARENA_MAX: "2",
    ...(database === undefined
      ? {}
      : {
          PGHOST: database.host,
          PGPORT: String(database.port),
          PGDATABASE: database.database,
          PGUSER: database.user,
          PGPASSWORD: database.password,
          PGSSLMODE: database.ssl,
        }),
  };
}
