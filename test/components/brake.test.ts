import { beforeAll, describe, expect, it } from "vitest";
import type { Graph } from "../lib/graph.ts";
import { findResource } from "../lib/graph.ts";
import { exampleGraph, exampleRouter, types } from "./example-stack.ts";

const brakeToken = "brake-token-of-the-tests";
const policyType = "kubernetes:admissionregistration.k8s.io/v1:ValidatingAdmissionPolicy";

interface Variable {
  readonly name: string;
  readonly valueFrom?: { readonly secretKeyRef?: { readonly name: string; readonly key: string } };
}

/** Variables of the agent's container, by name. */
function agentVariables(graph: Graph): Map<string, Variable> {
  const { spec } = findResource(graph, types.deployment, "router").inputs as {
    spec: { template: { spec: { initContainers: { env: Variable[] }[] } } };
  };
  const [agent] = spec.template.spec.initContainers;
  return new Map(agent?.env.map((variable) => [variable.name, variable]));
}

describe("the brake's admission policy", () => {
  let graph: Graph;

  beforeAll(async () => {
    graph = await exampleGraph("p25");
  });

  it("is named after the namespace and concerns the guard's writes to this one object", () => {
    const { metadata, spec } = findResource(graph, policyType, "brake").inputs as {
      metadata: object;
      spec: { matchConditions: { name: string; expression: string }[] };
    };
    expect(metadata).toMatchObject({ name: "pool-migration-dev-brake" });
    expect(metadata).not.toHaveProperty("namespace");
    expect(spec).toMatchObject({
      failurePolicy: "Fail",
      matchConstraints: {
        namespaceSelector: {
          matchLabels: { "kubernetes.io/metadata.name": "pool-migration-dev" },
        },
        resourceRules: [{ resources: ["configmaps"], operations: ["CREATE", "UPDATE", "DELETE"] }],
      },
    });
    expect(spec.matchConditions.map(({ expression }) => expression)).toEqual([
      'request.userInfo.username == "system:serviceaccount:pool-migration-dev:guard"',
      expect.stringContaining('.metadata.name == "brake"') as string,
    ]);
  });

  it("is bound, and denies", () => {
    expect(findResource(graph, `${policyType}Binding`, "brake").inputs).toMatchObject({
      metadata: { name: "pool-migration-dev-brake" },
      spec: { policyName: "pool-migration-dev-brake", validationActions: ["Deny"] },
    });
  });
});

describe("the direct brake", () => {
  it("has a token of its own, in the Secret of the tokens", async () => {
    const graph = await exampleGraph("p25", exampleRouter({ brakeToken }));
    const tokens = findResource(graph, types.secret, "router-tokens");
    expect(tokens.inputs["stringData"]).toMatchObject({ brake: brakeToken });
    expect(tokens.secrets).toContain("stringData");
    expect(agentVariables(graph).get("ROUTER_BRAKE_TOKEN")?.valueFrom?.secretKeyRef).toMatchObject({
      key: "brake",
    });
    expect(JSON.stringify(graph.outputs)).not.toContain(brakeToken);
  });

  it("is off without one", async () => {
    const graph = await exampleGraph("p25");
    const tokens = findResource(graph, types.secret, "router-tokens");
    expect(tokens.inputs["stringData"]).not.toHaveProperty("brake");
    expect([...agentVariables(graph).keys()]).toContain("ROUTER_AGENT_TOKEN");
    expect([...agentVariables(graph).keys()]).not.toContain("ROUTER_BRAKE_TOKEN");
  });
});
