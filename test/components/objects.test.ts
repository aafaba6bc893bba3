import { beforeAll, describe, expect, it } from "vitest";
import { findResource, resourcesOfType } from "../lib/graph.ts";
import type { Graph } from "../lib/graph.ts";
import { exampleGraph, exampleSecrets, types } from "./example-stack.ts";

let graph: Graph;
beforeAll(async () => {
  graph = await exampleGraph("p25");
});

describe("objects around the pods", () => {
  it("let the agent read the two ConfigMaps by name and nothing else", () => {
    const role = findResource(graph, types.role, "router");
    expect(role.inputs.rules).toEqual([
      {
        apiGroups: [""],
        resources: ["configmaps"],
        resourceNames: ["rollout", "brake"],
        verbs: ["get", "list", "watch"],
      },
    ]);
  });

  it.each([
    {
      what: "brake without data, so that nobody's engagement is taken away",
      type: types.configMap,
    },
    {
      what: "guard's Lease without a holder, so that the guards' is left alone",
      type: types.lease,
    },
  ])("declare the $what", ({ what, type }) => {
    const name = what.startsWith("brake") ? "brake" : "guard";
    const { inputs } = findResource(graph, type, name);
    expect(Object.keys(inputs).sort()).toEqual(["apiVersion", "kind", "metadata"]);
  });

  it("give the agents a name of their own, which knows them whether ready or not", () => {
    expect(findResource(graph, types.service, "router-agents").inputs).toMatchObject({
      metadata: { name: "router-agents" },
      spec: {
        clusterIP: "None",
        publishNotReadyAddresses: true,
        selector: { "app.kubernetes.io/name": "router" },
        ports: [{ name: "agent", port: 9090, targetPort: "agent", protocol: "TCP" }],
      },
    });
  });

  it("wait for Deployments and the Job only, so that a failed one ends the update in its own time", () => {
    for (const name of ["pool", "pool-v1", "pool-v2", "router", "router-agents"]) {
      expect(findResource(graph, types.service, name).inputs).toMatchObject({
        metadata: { annotations: { "pulumi.com/skipAwait": "true" } },
      });
    }
  });

  it("open nothing outside the cluster, unless the callers' Service is declared so", async () => {
    const servicesOf = (of: Graph) =>
      Object.fromEntries(
        [...resourcesOfType(of, types.service).values()].map(({ name, inputs }) => [
          name,
          (inputs.spec as { type?: string }).type ?? "ClusterIP",
        ]),
      );
    const closed = {
      pool: "ClusterIP",
      "pool-v1": "ClusterIP",
      "pool-v2": "ClusterIP",
      router: "ClusterIP",
      "router-agents": "ClusterIP",
    };
    expect(servicesOf(graph)).toEqual(closed);
    const opened = await exampleGraph("p25", {
      router: { agentToken: exampleSecrets.agentToken, serviceType: "LoadBalancer" },
    });
    expect(servicesOf(opened)).toEqual({ ...closed, pool: "LoadBalancer" });
  });

  it("let no pod into the namespace that the Pod Security Standard restricted forbids", () => {
    const { inputs } = findResource(graph, "kubernetes:core/v1:Namespace", "namespace");
    expect(inputs.metadata).toMatchObject({
      labels: {
        "pod-security.kubernetes.io/enforce": "restricted",
        "pod-security.kubernetes.io/enforce-version": "latest",
        "pod-security.kubernetes.io/audit": "restricted",
        "pod-security.kubernetes.io/audit-version": "latest",
        "pod-security.kubernetes.io/warn": "restricted",
        "pod-security.kubernetes.io/warn-version": "latest",
      },
    });
  });

  it("carry the labels by which they are found, in the stack's namespace", () => {
    const ofCluster = /^kubernetes:core\/v1:Namespace$|^kubernetes:admissionregistration/;
    const objects = graph.resources.filter(
      ({ type }) => type.startsWith("kubernetes:") && !ofCluster.test(type),
    );
    expect(objects.length).toBeGreaterThan(15);
    for (const { name, inputs } of objects) {
      expect({ name, metadata: inputs.metadata }).toMatchObject({
        metadata: {
          namespace: "pool-migration-dev",
          labels: { "app.kubernetes.io/part-of": "pool-migration" },
        },
      });
    }
  });
});
