import type { MigrationConfig } from "../../../infra/config/migration-config.ts";
import { effectivePercentage } from "../../../infra/rollout/percentage.ts";
import { parseRolloutData, rolloutData } from "../../../infra/rollout/rollout-record.ts";
import { routeTable, topologyOfStage } from "../../../infra/rollout/route-table.ts";
import type { RouteTable } from "../../../infra/rollout/route-table.ts";

/** Share that a stage's name declares, read from the name alone. */
function declaredShare(stage: string): number {
  if (stage === "retired") return 100;
  return stage.startsWith("p") ? Number(stage.slice(1)) : 0;
}

/**
 * Everything that is wrong with what an accepted configuration does to the traffic; nothing is taken from the model
 * but its results.
 *
 * @param raw the configuration as it was given
 */
export function routingFaults(
  raw: Readonly<Record<string, unknown>>,
  config: MigrationConfig<string>,
): readonly string[] {
  const { stage, percentage, flags, router } = config;
  const faults: string[] = [];
  const expectThat = (holds: boolean, fault: string) => {
    if (!holds) faults.push(fault);
  };
  const declared = declaredShare(stage.name);
  const retired = stage.name === "retired";
  const open = flags.poolV2Enabled && router.entry === "inline";
  expectThat(stage.name === (raw.stage ?? "baseline"), `stage ${stage.name} was not declared`);
  expectThat(percentage <= declared, `${percentage} % are more than the declared ${declared} %`);
  expectThat(
    percentage === (open || retired ? declared : 0),
    `${percentage} % at ${stage.name}, entry ${router.entry}, poolV2Enabled ${flags.poolV2Enabled}`,
  );
  expectThat(!router.retire || retired, `no router at ${stage.name}`);
  expectThat((config.v1 === undefined) === retired, `V1 at ${stage.name}`);
  expectThat((config.v2 === undefined) === (stage.name === "baseline"), `V2 at ${stage.name}`);
  // The model refuses to make routes of a percentage that is not the stage's.
  if (router.retire || faults.length > 0) return faults;
  for (const braked of [false, true]) {
    const share = braked && !retired ? 0 : percentage;
    faults.push(...tableFaults(routesOf(config, braked), share, retired, config));
  }
  return faults;
}

/** From the configuration to the routes on the way that they take in a cluster. */
function routesOf(config: MigrationConfig<string>, braked: boolean): RouteTable {
  const record = parseRolloutData(rolloutData(config.stage.name, config.percentage));
  return routeTable({
    revision: "r1.1",
    percentage: effectivePercentage(record, braked),
    topology: topologyOfStage(record.stage),
    idempotencyKeys: config.pool.idempotencyKeys,
    overrideToken: config.router.retire ? undefined : config.router.overrideToken,
  });
}

function tableFaults(
  table: RouteTable,
  share: number,
  retired: boolean,
  { pool, router }: MigrationConfig<string>,
): string[] {
  const expected = retired
    ? "worker-v2=100"
    : `worker-v2-then-v1=${share} worker-v1=${100 - share}`;
  const splits = table.routes.flatMap((route) => (route.kind === "split" ? [route] : []));
  const faults = splits
    .map(({ arms }) => arms.map(({ cluster, weight }) => `${cluster}=${weight}`).join(" "))
    .filter((arms) => arms !== expected)
    .map((arms) => `${arms} instead of ${expected}`);
  if (splits.length === 0) faults.push("no route splits the traffic");
  const keyed = splits.some(({ retryClass }) => retryClass === "keyed");
  if (keyed !== pool.idempotencyKeys) faults.push("retries of keyed requests");
  const overridden = table.routes.some(({ kind }) => kind === "override");
  const wanted = !router.retire && router.overrideToken !== undefined;
  if (overridden !== wanted) faults.push("routes of the override header");
  return faults;
}
