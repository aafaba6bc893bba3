import type { Side } from "./decision.ts";
import { isPercentage, splitWeights } from "./percentage.ts";
import type { RolloutHeader } from "./rollout-record.ts";
import { formatRolloutHeader, parseRolloutHeader } from "./rollout-record.ts";
import { retiredStage } from "./stages.ts";

/**
 * Clusters that a route can name. `worker-v2-then-v1` is the arm "decided V2" while V1 exists: its attempts go to V2
 * first and then to V1. `worker-v1` is the arm "decided V1", and no attempt of it ever goes to V2.
 */
export type ClusterName = "worker-v1" | "worker-v2" | "worker-v2-then-v1";

/** Pools that the router knows: both, or only V2 once V1 is retired. */
export type Topology = "both" | "v2-only";

/** Which id decides. */
export type HashedId = "session" | "request";

/**
 * What may be repeated after the pool has seen a request: `safe` = GET and HEAD, `keyed` = any method with an
 * Idempotency-Key, `once` = nothing.
 */
export type RetryClass = "safe" | "keyed" | "once";

/** Share of a split. */
interface Arm {
  readonly cluster: ClusterName;
  /** Hundredths, 0 to 100. */
  readonly weight: number;
}

/** Route that bucket and percentage decide. A condition that is absent matches everything. */
export interface SplitRoute {
  readonly kind: "split";
  readonly name: string;
  readonly method?: "GET" | "HEAD";
  readonly hashed: HashedId;
  readonly retryClass: RetryClass;
  readonly arms: readonly Arm[];
}

/** Route of the override header: one plain cluster, no fallback. */
export interface OverrideRoute {
  readonly kind: "override";
  readonly name: string;
  readonly side: Side;
  readonly token: string;
  readonly cluster: ClusterName;
}

/** Everything that decides a request; routes are tried in order. */
export interface RouteTable extends RolloutHeader {
  readonly topology: Topology;
  readonly routes: readonly (SplitRoute | OverrideRoute)[];
}

/** What a route table is made of. */
export interface RouteTableInput extends RolloutHeader {
  readonly topology: Topology;
  /** Whether requests with an Idempotency-Key may be repeated. */
  readonly idempotencyKeys: boolean;
  /** Token of the override header; without it there are no override routes. */
  readonly overrideToken?: string | undefined;
}

/** Clusters of a topology. */
export function clusterNames(topology: Topology): readonly ClusterName[] {
  return topology === "both" ? ["worker-v1", "worker-v2", "worker-v2-then-v1"] : ["worker-v2"];
}

/** Pools that exist at a stage, as the router sees them. */
export function topologyOfStage(stage: string): Topology {
  return stage === retiredStage ? "v2-only" : "both";
}

/**
 * Routes for a revision and a percentage.
 *
 * @throws RangeError when the input breaks an invariant (`routeTableProblems`)
 */
export function routeTable(input: RouteTableInput): RouteTable {
  const { revision, percentage, topology } = input;
  const suffix = formatRolloutHeader({ revision, percentage });
  const table: RouteTable = {
    revision,
    percentage,
    topology,
    routes: [...overrideRoutes(input, suffix), ...splitRoutes(input, suffix)],
  };
  const problems = routeTableProblems(table);
  if (problems.length > 0) {
    throw new RangeError(`Routes of ${suffix} are not allowed: ${problems.join("; ")}.`);
  }
  return table;
}

/**
 * What is wrong with a route table. Checked before anything is rendered, because Envoy accepts nearly all of it:
 * weights of any sum, a split in any order, an arm that leads from V1 to V2.
 */
export function routeTableProblems(table: RouteTable): readonly string[] {
  const suffix = `${table.revision};${table.percentage}`;
  const known = clusterNames(table.topology);
  const problems: string[] = [];
  if (parseRolloutHeader(suffix) === undefined) {
    problems.push(`"${suffix}" is not "<revision>;<percentage>"`);
  }
  if (table.topology === "v2-only" && table.percentage !== 100) {
    problems.push(`without V1 the percentage is 100, not ${table.percentage}`);
  }
  for (const route of table.routes) {
    const found = route.kind === "split" ? splitProblems(route, table) : overrideProblems(route);
    const clusters =
      route.kind === "split" ? route.arms.map((arm) => arm.cluster) : [route.cluster];
    const missing = clusters.filter((cluster) => !known.includes(cluster));
    problems.push(
      ...found.map((problem) => `${route.name}: ${problem}`),
      ...missing.map((cluster) => `${route.name}: there is no cluster ${cluster}`),
      ...(route.name.endsWith(`;${suffix}`) ? [] : [`${route.name} does not name ${suffix}`]),
    );
  }
  const last = table.routes.at(-1);
  if (
    last?.kind !== "split" ||
    last.method ||
    last.hashed !== "request" ||
    last.retryClass !== "once"
  ) {
    problems.push("the last route does not take every request");
  }
  return problems;
}

function overrideRoutes(input: RouteTableInput, suffix: string): OverrideRoute[] {
  const token = input.overrideToken;
  if (token === undefined) return [];
  const sides: readonly Side[] = input.topology === "both" ? ["v2", "v1"] : ["v2"];
  return sides.map((side) => ({
    kind: "override",
    name: `override-${side};${suffix}`,
    side,
    token,
    cluster: `worker-${side}`,
  }));
}

/** The commonest request first, the session pattern tried at most once for a GET. */
function splitRoutes(input: RouteTableInput, suffix: string): SplitRoute[] {
  const arms = splitArms(input);
  const classes: readonly { retryClass: RetryClass; method?: "GET" | "HEAD" }[] = [
    { retryClass: "safe", method: "GET" },
    { retryClass: "safe", method: "HEAD" },
    ...(input.idempotencyKeys ? [{ retryClass: "keyed" } as const] : []),
    { retryClass: "once" },
  ];
  return classes.flatMap(({ retryClass, method }) =>
    (["session", "request"] as const).map((hashed) => ({
      kind: "split" as const,
      name: `split-${hashed}-${retryClass};${suffix}`,
      ...(method === undefined ? {} : { method }),
      hashed,
      retryClass,
      arms,
    })),
  );
}

function splitArms({ topology, percentage }: RouteTableInput): readonly Arm[] {
  if (topology === "v2-only") return [{ cluster: "worker-v2", weight: percentage }];
  const weights = splitWeights(percentage);
  return [
    { cluster: "worker-v2-then-v1", weight: weights.v2 },
    { cluster: "worker-v1", weight: weights.v1 },
  ];
}

function splitProblems({ arms }: SplitRoute, table: RouteTable): string[] {
  const expected = table.topology === "both" ? "worker-v2-then-v1, worker-v1" : "worker-v2";
  const names = arms.map((arm) => arm.cluster).join(", ");
  const sum = arms.reduce((total, arm) => total + arm.weight, 0);
  const problems: string[] = [];
  if (names !== expected) problems.push(`arms are ${names}, not ${expected} in this order`);
  if (!arms.every((arm) => isPercentage(arm.weight))) problems.push("a weight is no percentage");
  if (sum !== 100) problems.push(`weights sum to ${sum}, not 100`);
  if (arms[0]?.weight !== table.percentage) problems.push(`V2 does not get ${table.percentage}`);
  return problems;
}

function overrideProblems({ side, cluster, token }: OverrideRoute): string[] {
  const problems: string[] = [];
  if (cluster !== `worker-${side}`) problems.push(`leads to ${cluster}`);
  if (!/^[!-+\--~]{16,256}$/.test(token)) {
    problems.push("the token is not 16 to 256 printable ASCII characters without space and comma");
  }
  return problems;
}
