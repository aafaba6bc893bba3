import { describe, expect, it } from "vitest";
import { compareGraphs, findResource, resourcesNotBehind, resourcesOfType } from "../lib/graph.ts";
import type { Graph } from "../lib/graph.ts";
import { exampleGraph, exampleRouter, types } from "./example-stack.ts";

const inline = (stage: string) => exampleGraph(stage);
const beside = (stage: string) => exampleGraph(stage, exampleRouter({ entry: "beside" }));
const retire = () => exampleGraph("retired", exampleRouter({ retire: true }));

const callersService = `${types.service} pool`;
const callers = (graph: Graph) => findResource(graph, types.service, "pool");
const target = (graph: Graph) =>
  (callers(graph).inputs.spec as { selector: Record<string, string> }).selector;
const deployments = (graph: Graph) => resourcesOfType(graph, types.deployment);

describe("callers' Service", () => {
  it("leads to the router, past it to V1, or to V2 once the router retires", async () => {
    const name = "app.kubernetes.io/name";
    expect(target(await inline("p25"))).toEqual({ [name]: "router" });
    expect(target(await inline("retired"))).toEqual({ [name]: "router" });
    expect(target(await beside("p25"))).toEqual({ [name]: "pool-v1" });
    expect(target(await retire())).toEqual({ [name]: "pool-v2" });
  });

  it("keeps its name, its port and its address whatever it leads to", async () => {
    for (const graph of [await inline("p25"), await beside("p25"), await retire()]) {
      expect(callers(graph).inputs).toMatchObject({
        metadata: { name: "pool", namespace: "pool-migration-dev" },
        spec: {
          type: "ClusterIP",
          ports: [{ name: "http", port: 8080, targetPort: "http", protocol: "TCP" }],
        },
      });
      expect(graph.outputs.callersAddress).toBe("pool.pool-migration-dev.svc:8080");
    }
  });
});

describe("entry of the router", () => {
  it("changes the callers' Service and the percentage, and no pod", async () => {
    for (const [from, to] of [
      [await inline("p25"), await beside("p25")],
      [await beside("p25"), await inline("p25")],
    ] as const) {
      expect(compareGraphs(from, to)).toEqual({
        added: [],
        removed: [],
        changed: [`${types.configMap} rollout`, callersService].sort(),
      });
    }
    expect(compareGraphs(await inline("shadow"), await beside("shadow")).changed).toEqual([
      callersService,
    ]);
    const { data } = findResource(await beside("p25"), types.configMap, "rollout").inputs;
    expect(data).toEqual({ stage: "p25", percentage: "0" });
  });

  it("waits for the router's pods on the way in", async () => {
    const { dependencies } = callers(await inline("baseline"));
    expect(dependencies).toContain(`${types.deployment} router`);
  });

  it("waits on the way back for nothing but the percentage, and everything else waits for it", async () => {
    const graph = await beside("p25");
    expect(callers(graph).dependencies).toEqual([
      `${types.configMap} rollout`,
      "kubernetes:core/v1:Namespace namespace",
    ]);
    expect(resourcesNotBehind(graph, callersService)).toEqual([
      `${types.configMap} rollout`,
      "kubernetes:core/v1:Namespace namespace",
      callersService,
      "pulumi:providers:kubernetes kubernetes",
      "pulumi:pulumi:Stack pool-migration-dev",
    ]);
  });
});

describe("retirement of the router", () => {
  it("removes the router, the guard, the brake and the percentage, and leaves V2's pods as they are", async () => {
    const [before, after] = [await inline("retired"), await retire()];
    const { added, removed, changed } = compareGraphs(before, after);
    expect(added).toEqual([]);
    expect(changed).toEqual([callersService]);
    expect(removed).toContain(`${types.configMap} rollout`);
    const ofRouter =
      /^(\S+ (router|router-tokens|router-agents|brake|guard|guard-credentials)|kubernetes:core\/v1:ConfigMap rollout)$/;
    expect(removed.filter((key) => !ofRouter.test(key))).toEqual([]);
    expect(after.resources.filter(({ name }) => /router|guard|brake|rollout/.test(name))).toEqual(
      [],
    );
    expect([...deployments(after).keys()]).toEqual(["pool-v2"]);
  });

  it("hands callers over only once V2's pods are ready", async () => {
    const { dependencies } = callers(await retire());
    expect(dependencies).toContain(`${types.deployment} pool-v2`);
  });

  it("says in its outputs that the router is gone; none is without a value, of which the engine would warn", async () => {
    const { outputs } = await retire();
    expect(outputs).toMatchObject({ routerAddress: null, routerTokensSecret: null });
    expect(Object.values(outputs)).not.toContain(undefined);
    expect(Object.keys(outputs).sort()).toEqual(Object.keys((await inline("p25")).outputs).sort());
  });

  it("needs neither the router's token nor its image any more", async () => {
    const graph = await exampleGraph("retired", {
      router: { retire: true },
      images: { tools: "registry.test/tools:1" },
    });
    expect(compareGraphs(await retire(), graph)).toEqual({ added: [], removed: [], changed: [] });
  });
});
