import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { clusterList, renderClusters } from "../../infra/rollout/envoy-clusters.ts";
import { renderRoutes } from "../../infra/rollout/envoy-routes.ts";
import type { RouteTable, RouteTableInput, SplitRoute } from "../../infra/rollout/route-table.ts";
import {
  clusterNames,
  routeTable,
  routeTableProblems,
  topologyOfStage,
} from "../../infra/rollout/route-table.ts";
import { routerSettingsSchema } from "../../infra/rollout/router-settings.ts";

const token = "a-token-that-is-long-enough";

const settings = routerSettingsSchema.parse({
  ports: {},
  sessionHeader: "x-session-id",
  pools: { v1: { host: "pool-v1.", port: 8080 }, v2: { host: "pool-v2.", port: 8080 } },
  readinessPath: "/readyz",
  operationTimeoutSeconds: 30,
  idempotencyKeys: true,
});

const anyInput: fc.Arbitrary<RouteTableInput> = fc.record({
  revision: fc.tuple(fc.nat(), fc.nat()).map(([a, b]) => `r${a}.${b}`),
  percentage: fc.integer({ min: 0, max: 100 }),
  topology: fc.constant("both" as const),
  idempotencyKeys: fc.boolean(),
  overrideToken: fc.constantFrom(token, undefined),
});

const input: RouteTableInput = {
  revision: "r7.8",
  percentage: 25,
  topology: "both",
  idempotencyKeys: true,
  overrideToken: token,
};

function splits(table: RouteTable): SplitRoute[] {
  return table.routes.filter((route) => route.kind === "split");
}

/** The table with its split routes changed. */
function withSplits(change: (route: SplitRoute) => Partial<SplitRoute>): RouteTable {
  const table = routeTable(input);
  return {
    ...table,
    routes: table.routes.map((route) =>
      route.kind === "split" ? { ...route, ...change(route) } : route,
    ),
  };
}

describe("the route table", () => {
  it("gives V2 the low buckets of a constant hundred in every split, whatever the percentage", () => {
    fc.assert(
      fc.property(anyInput, (anything) => {
        for (const { arms } of splits(routeTable(anything))) {
          expect(arms).toEqual([
            { cluster: "worker-v2-then-v1", weight: anything.percentage },
            { cluster: "worker-v1", weight: 100 - anything.percentage },
          ]);
        }
      }),
    );
  });

  it("has a route for every method, with and without session and key, and repeats only what may be", () => {
    fc.assert(
      fc.property(
        anyInput,
        fc.constantFrom("GET", "HEAD", "POST", "DELETE"),
        fc.boolean(),
        fc.boolean(),
        (anything, method, session, key) => {
          const found = splits(routeTable(anything)).find(
            (route) =>
              (route.method === undefined || route.method === method) &&
              (route.retryClass !== "keyed" || key) &&
              (route.hashed === "request" || session),
          );
          const safe = method === "GET" || method === "HEAD";
          const keyed = key && anything.idempotencyKeys;
          expect(found?.hashed).toBe(session ? "session" : "request");
          expect(found?.retryClass).toBe(safe ? "safe" : keyed ? "keyed" : "once");
        },
      ),
    );
  });

  it("names revision and percentage in every route", () => {
    fc.assert(
      fc.property(anyInput, (anything) => {
        const suffix = `;${anything.revision};${anything.percentage}`;
        const { routes } = routeTable(anything);
        expect(routes.filter(({ name }) => !name.endsWith(suffix))).toEqual([]);
      }),
    );
  });

  it("knows V2 alone at stage retired, in routes and in clusters", () => {
    const topology = topologyOfStage("retired");
    const table = routeTable({ ...input, topology, percentage: 100 });
    expect(splits(table)[0]?.arms).toEqual([{ cluster: "worker-v2", weight: 100 }]);
    const rendered = JSON.stringify([
      renderRoutes(table, settings),
      renderClusters(settings, topology),
    ]);
    expect(rendered).toContain("worker-v2");
    expect(rendered).not.toContain('v1"');
    expect(rendered).not.toContain("pool-v1");
  });

  it("knows both pools at every other stage", () => {
    const stages = ["baseline", "shadow", "p5", "p100"];
    expect(stages.map(topologyOfStage)).toEqual(stages.map(() => "both"));
  });

  it("has no override routes without a token", () => {
    const without = { ...input, overrideToken: undefined };
    expect(JSON.stringify(renderRoutes(routeTable(without), settings))).not.toContain("override");
    expect(routeTable(input).routes.slice(0, 2)).toMatchObject([
      { kind: "override", side: "v2", cluster: "worker-v2" },
      { kind: "override", side: "v1", cluster: "worker-v1" },
    ]);
  });

  it.each([
    ["a short token", { overrideToken: "short" }, "the token is not 16 to 256"],
    ["a token with a comma", { overrideToken: "a-token-with-a,comma-in-it" }, "the token is not"],
    ["another revision format", { revision: "42" }, '"42;25" is not "<revision>;<percentage>"'],
    [
      "less than all without V1",
      { topology: "v2-only" as const },
      "without V1 the percentage is 100",
    ],
  ])("is refused with %s", (_, change, problem) => {
    expect(() => routeTable({ ...input, ...change })).toThrow(problem);
  });

  it.each([
    [
      "arms in the other order",
      withSplits(({ arms }) => ({ arms: arms.toReversed() })),
      "arms are",
    ],
    [
      "a V1 arm that leads on to V2",
      withSplits(() => ({
        arms: [
          { cluster: "worker-v2-then-v1", weight: 25 },
          { cluster: "worker-v2-then-v1", weight: 75 },
        ],
      })),
      "arms are",
    ],
    [
      "weights of another sum",
      withSplits(() => ({
        arms: [
          { cluster: "worker-v2-then-v1", weight: 25 },
          { cluster: "worker-v1", weight: 100 },
        ],
      })),
      "weights sum to 125",
    ],
    [
      "another percentage than it names",
      withSplits(() => ({
        arms: [
          { cluster: "worker-v2-then-v1", weight: 50 },
          { cluster: "worker-v1", weight: 50 },
        ],
      })),
      "V2 does not get 25",
    ],
    [
      "a name of another revision",
      withSplits(() => ({ name: "split-session-safe;r1.1;25" })),
      "does not name r7.8;25",
    ],
    [
      "no route for the rest",
      { ...routeTable(input), routes: routeTable(input).routes.slice(0, -1) },
      "does not take every request",
    ],
    [
      "an override that leads to the composite",
      {
        ...routeTable(input),
        routes: routeTable(input).routes.map((route) =>
          route.kind === "override" ? { ...route, cluster: "worker-v2-then-v1" as const } : route,
        ),
      },
      "leads to worker-v2-then-v1",
    ],
    [
      "a cluster that is not there",
      { ...routeTable({ ...input, percentage: 100 }), topology: "v2-only" as const },
      "there is no cluster worker-v1",
    ],
  ])("has a problem with %s", (_, table, problem) => {
    expect(routeTableProblems(table).join("; ")).toContain(problem);
  });

  it("describes a cluster for every name that its routes may use", () => {
    for (const topology of ["both", "v2-only"] as const) {
      const names = clusterList(settings, topology).map((cluster) => cluster["name"]);
      expect(names).toEqual(clusterNames(topology));
    }
  });
});
