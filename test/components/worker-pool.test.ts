import { beforeAll, describe, expect, it } from "vitest";
import { findResource, resourcesOfType } from "../lib/graph.ts";
import type { Graph } from "../lib/graph.ts";
import { exampleGraph, exampleRouter, types } from "./example-stack.ts";

const image = "registry.test/pool:2";
const autoscaled = (stage: string) =>
  exampleGraph(stage, { v2: { image, replicas: { min: 3, max: 9 } } });

let graph: Graph;
beforeAll(async () => {
  graph = await exampleGraph("p25");
});

const deployment = (of: Graph, name: string) => findResource(of, types.deployment, name);
const replicas = (of: Graph, name: string) =>
  (deployment(of, name).inputs.spec as { replicas?: number }).replicas;

describe("size of a pool", () => {
  it("is declared and enforced where there is no autoscaler", () => {
    expect(replicas(graph, "pool-v1")).toBe(2);
    expect(replicas(graph, "pool-v2")).toBe(2);
    expect(deployment(graph, "pool-v2").ignoreChanges).toEqual([]);
    expect(deployment(graph, "pool-v2").inputs.metadata).toMatchObject({
      annotations: { "pulumi.com/patchForce": "true" },
    });
    expect(resourcesOfType(graph, types.autoscaler).size).toBe(0);
  });

  it("is the autoscaler's where V2 has a maximum, and never less than the minimum", async () => {
    const scaled = await autoscaled("p25");
    expect(resourcesOfType(scaled, types.autoscaler).size).toBe(1);
    expect(findResource(scaled, types.autoscaler, "pool-v2").inputs.spec).toEqual({
      scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "pool-v2" },
      minReplicas: 3,
      maxReplicas: 9,
      metrics: [
        {
          type: "Resource",
          resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 70 } },
        },
      ],
    });
    expect(replicas(scaled, "pool-v2")).toBe(3);
    expect(replicas(scaled, "pool-v1")).toBe(2);
  });

  it("is the minimum on the first day alone: then it is kept by the provider, and not forced on the autoscaler", async () => {
    const { ignoreChanges, inputs } = deployment(await autoscaled("p25"), "pool-v2");
    expect(ignoreChanges).toEqual(["spec.replicas"]);
    expect(inputs.metadata).not.toHaveProperty("annotations");
  });

  it("does not depend on the stage, so that V2 carries everything from its first share on", async () => {
    const first = JSON.stringify(deployment(await exampleGraph("shadow"), "pool-v2").inputs);
    for (const stage of ["p5", "p100", "retired"]) {
      expect(JSON.stringify(deployment(await exampleGraph(stage), "pool-v2").inputs)).toBe(first);
    }
    const { inputs } = findResource(await autoscaled("p5"), types.autoscaler, "pool-v2");
    expect(findResource(await autoscaled("p100"), types.autoscaler, "pool-v2").inputs).toEqual(
      inputs,
    );
  });
});

describe("disruption budgets", () => {
  it("keep a router, and all pods of a pool but one that is not broken", () => {
    const budget = (name: string) => findResource(graph, types.disruptionBudget, name).inputs.spec;
    const selector = (name: string) => ({ matchLabels: { "app.kubernetes.io/name": name } });
    expect(budget("router")).toEqual({ maxUnavailable: 1, selector: selector("router") });
    for (const name of ["pool-v1", "pool-v2"]) {
      expect(budget(name)).toEqual({
        maxUnavailable: 1,
        unhealthyPodEvictionPolicy: "AlwaysAllow",
        selector: selector(name),
      });
    }
  });
});

describe("network policies", () => {
  const anywhere = (port: number) => ({ ports: [{ port, protocol: "TCP" }] });
  const from = (name: string, port: number) => ({
    from: [{ podSelector: { matchLabels: { "app.kubernetes.io/name": name } } }],
    ports: [{ port, protocol: "TCP" }],
  });
  const ingress = (of: Graph, name: string) => {
    const { spec } = findResource(of, types.networkPolicy, name).inputs as {
      spec: { podSelector: object; policyTypes: string[]; ingress: object[] };
    };
    expect(spec.podSelector).toEqual({ matchLabels: { "app.kubernetes.io/name": name } });
    expect(spec.policyTypes).toEqual(["Ingress"]);
    return spec.ingress;
  };

  it("let callers reach the router and V1, the router V2, and the guard their metrics", () => {
    expect(ingress(graph, "router")).toEqual([anywhere(8080), anywhere(9090)]);
    expect(ingress(graph, "guard")).toEqual([anywhere(9090)]);
    expect(ingress(graph, "pool-v1")).toEqual([anywhere(8080), from("guard", 9090)]);
    expect(ingress(graph, "pool-v2")).toEqual([from("router", 8080), from("guard", 9090)]);
  });

  it("open V2 from the stage on that has no V1, so before the router hands over to it", async () => {
    const open = [anywhere(8080), from("guard", 9090)];
    expect(ingress(await exampleGraph("retired"), "pool-v2")).toEqual(open);
    expect(
      ingress(await exampleGraph("retired", exampleRouter({ retire: true })), "pool-v2"),
    ).toEqual(open);
    expect(ingress(await exampleGraph("p100"), "pool-v2")[0]).toEqual(from("router", 8080));
  });

  it("follow the port of the pools, and know no other where the pools have no contract", async () => {
    const plain = await exampleGraph("p25", { pool: { contract: "none", port: 8000 } });
    expect(ingress(plain, "router")[0]).toEqual(anywhere(8080));
    expect(ingress(plain, "pool-v2")).toEqual([from("router", 8000)]);
  });
});

describe("metrics", () => {
  const annotations = (of: Graph) => {
    const { spec } = deployment(of, "pool-v2").inputs as {
      spec: { template: { metadata: { annotations?: object } } };
    };
    return spec.template.metadata.annotations;
  };
  const scraped = (port: string, path: string) => ({
    "prometheus.io/scrape": "true",
    "prometheus.io/port": port,
    "prometheus.io/path": path,
  });

  it("are announced on the pods where the contract says that there are any", async () => {
    expect(annotations(graph)).toEqual(scraped("9090", "/metrics"));
    const moved = await exampleGraph("p25", { pool: { metricsPath: "/stats" } });
    expect(annotations(moved)).toEqual(scraped("9090", "/stats"));
    const none = { contract: "none", port: 8000 };
    expect(annotations(await exampleGraph("p25", { pool: none }))).toBeUndefined();
  });
});

describe("resources and flags", () => {
  it("come from the configuration of each pool", async () => {
    const resources = {
      requests: { cpu: "250m", memory: "128Mi" },
      limits: { cpu: "2", memory: "1Gi" },
    };
    const changed = await exampleGraph("p25", { v2: { image, resources } });
    const worker = (name: string) =>
      (
        deployment(changed, name).inputs.spec as {
          template: { spec: { containers: { resources: object }[] } };
        }
      ).template.spec.containers[0];
    expect(worker("pool-v2")?.resources).toEqual(resources);
    expect(worker("pool-v1")?.resources).not.toEqual(resources);
  });

  it("mount the flags for reading, and leave the pods alone when a flag changes", async () => {
    const spec = (of: Graph) =>
      (
        deployment(of, "pool-v2").inputs as {
          spec: {
            template: { spec: { volumes: object[]; containers: { volumeMounts: object[] }[] } };
          };
        }
      ).spec.template.spec;
    expect(spec(graph).volumes).toContainEqual({
      name: "flags",
      configMap: { name: "pool-flags" },
    });
    expect(spec(graph).containers[0]?.volumeMounts).toContainEqual({
      name: "flags",
      mountPath: "/etc/pool/flags",
      readOnly: true,
    });
    const on = await exampleGraph("p25", { flags: { poolV2Enabled: true, circuitBreaker: true } });
    expect(deployment(on, "pool-v2").inputs).toEqual(deployment(graph, "pool-v2").inputs);
  });
});
