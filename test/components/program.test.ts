import { describe, expect, it } from "vitest";
import { compareGraphs, findResource, resourcesNotBehind, resourcesOfType } from "../lib/graph.ts";
import type { Graph } from "../lib/graph.ts";
import { exampleGraph, exampleSecrets, types } from "./example-stack.ts";

describe("program", () => {
  it("declares V1 alone at baseline, both pools from shadow on, V2 alone when V1 is retired", async () => {
    const pools = async (stage: string) =>
      [...resourcesOfType(await exampleGraph(stage), types.deployment).keys()].sort();
    expect(await pools("baseline")).toEqual(["guard", "pool-v1", "router"]);
    expect(await pools("shadow")).toEqual(["guard", "pool-v1", "pool-v2", "router"]);
    expect(await pools("p25")).toEqual(["guard", "pool-v1", "pool-v2", "router"]);
    expect(await pools("retired")).toEqual(["guard", "pool-v2", "router"]);
  });

  it("changes nothing but the ConfigMap rollout from one percentage to the next", async () => {
    const stages = ["shadow", "p5", "p10", "p25", "p50", "p75", "p100"];
    const graphs = await sequence(stages.map((stage) => () => exampleGraph(stage)));
    for (const [index, graph] of graphs.slice(1).entries()) {
      const before = graphs[index] as Graph;
      expect(compareGraphs(before, graph)).toEqual({
        added: [],
        removed: [],
        changed: [`${types.configMap} rollout`],
      });
    }
    expect(findResource(graphs[3] as Graph, types.configMap, "rollout").inputs.data).toEqual({
      stage: "p25",
      percentage: "25",
    });
  });

  it("returns to the graph of before when the stage goes back", async () => {
    const first = await exampleGraph("p10");
    await exampleGraph("p50");
    expect((await exampleGraph("p10")).resources).toEqual(first.resources);
  });

  it("declares 0 % while V2 is switched off, whatever the stage", async () => {
    const graph = await exampleGraph("p50", { flags: { poolV2Enabled: false } });
    expect(findResource(graph, types.configMap, "rollout").inputs.data).toEqual({
      stage: "p50",
      percentage: "0",
    });
    expect(graph.outputs).toMatchObject({ percentage: 0, gradualRolloutPercentage: 50 });
  });

  it("registers rollout before every other resource that a provider works on", async () => {
    const graph = await exampleGraph("p25");
    const worked = graph.resources.filter(({ custom, type }) => custom && !isProvider(type));
    expect(`${worked[0]?.type} ${worked[0]?.name}`).toBe(`${types.configMap} rollout`);
  });

  it("lets rollout wait for nothing but its provider, and everything else for rollout", async () => {
    const graph = await exampleGraph("p25");
    const rollout = findResource(graph, types.configMap, "rollout");
    expect(rollout.dependencies).toEqual([]);
    expect(rollout.parent).toBe("pulumi:pulumi:Stack pool-migration-dev");
    expect(resourcesNotBehind(graph, `${types.configMap} rollout`)).toEqual([
      "kubernetes:core/v1:ConfigMap rollout",
      "kubernetes:core/v1:Namespace namespace",
      "pulumi:providers:kubernetes kubernetes",
      "pulumi:pulumi:Stack pool-migration-dev",
    ]);
  });

  it("lets V2 wait for the migrations, and neither V1 nor the router", async () => {
    const graph = await exampleGraph("p25");
    const job = `${types.job} migrate`;
    const waits = (name: string) =>
      graph.resources
        .filter((resource) => resource.name === name)
        .some(({ dependencies }) => dependencies.includes(job));
    expect(waits("pool-v2")).toBe(true);
    expect(waits("pool-v1")).toBe(false);
    expect(waits("router")).toBe(false);
  });

  it("goes without a database when none is configured", async () => {
    const graph = await exampleGraph("p25", { database: {} });
    expect(graph.resources.filter(({ type }) => type.startsWith("postgresql:"))).toEqual([]);
    expect(resourcesOfType(graph, types.job).size).toBe(0);
    expect(resourcesOfType(graph, types.deployment).size).toBe(4);
  });

  it("marks every secret as one and shows none", async () => {
    const graph = await exampleGraph("p25");
    const text = (resource: object, path: string) => JSON.stringify(resource).includes(path);
    for (const secret of Object.values(exampleSecrets)) {
      const holders = graph.resources.filter(({ inputs }) => text(inputs, secret));
      expect(holders.length).toBeGreaterThan(0);
      for (const holder of holders) {
        const clear = Object.entries(holder.inputs).filter(
          ([key, value]) =>
            JSON.stringify(value).includes(secret) && !isCovered(holder.secrets, key),
        );
        expect(clear.map(([key]) => `${holder.type} ${holder.name} ${key}`)).toEqual([]);
      }
      expect(text(graph.outputs, secret)).toBe(false);
    }
  });

  it("exports what scripts need", async () => {
    const { outputs } = await exampleGraph("p25");
    expect(outputs).toEqual({
      stage: "p25",
      percentage: 25,
      status: "npm run status -- --stack dev",
      gradualRolloutPercentage: 25,
      flags: {
        poolV2Enabled: true,
        enhancedWorkers: false,
        circuitBreaker: false,
        telemetryV2: false,
        poolOptimizer: false,
        gradualRolloutPercentage: 25,
      },
      profile: "accelerated",
      namespace: "pool-migration-dev",
      callersAddress: "pool.pool-migration-dev.svc:8080",
      routerAddress: "router.pool-migration-dev.svc:8080",
      routerTokensSecret: expect.stringMatching(/^router-tokens-/) as string,
      pools: { v1: "pool-v1", v2: "pool-v2" },
    });
  });
});

function isProvider(type: string): boolean {
  return type.startsWith("pulumi:providers:");
}

function isCovered(secrets: readonly string[], key: string): boolean {
  return secrets.includes(key);
}

async function sequence<T>(steps: readonly (() => Promise<T>)[]): Promise<T[]> {
  const results: T[] = [];
  for (const step of steps) results.push(await step());
  return results;
}
