import { describe, expect, it } from "vitest";
import { probePod } from "../../scripts/preflight/probe-pod.ts";
import { managedKinds, requiredRights } from "../../scripts/preflight/required-rights.ts";
import { rightProblems } from "../../scripts/preflight/rights.ts";
import { exampleGraph, types } from "../components/example-stack.ts";
import { findResource } from "../lib/graph.ts";

/** Stacks that together hold every kind of object there is. */
const graphs = [
  await exampleGraph("baseline"),
  await exampleGraph("p5", {
    v2: { image: "registry.test/pool:2", replicas: { min: 2, max: 4 } },
  }),
];
const objects = graphs
  .flatMap(({ resources }) => resources)
  .filter(({ type }) => type.startsWith("kubernetes:"));

describe("the rights that preflight asks for", () => {
  it("are those to the kinds of objects that the program declares, no less and no more", () => {
    const declared = new Set(objects.map(({ type }) => type));
    expect(Object.keys(managedKinds).sort()).toEqual([...declared].sort());
  });

  it("are asked for where the objects are: in the stack's namespace or in the cluster", () => {
    const scopes = objects.map(({ type, inputs }) => {
      const { namespace } = inputs.metadata as { namespace?: string };
      return [type, namespace === undefined ? "cluster" : "namespace"];
    });
    const listed = Object.entries(managedKinds).map(([type, { scope }]) => [type, scope]);
    expect(Object.fromEntries(scopes)).toEqual(Object.fromEntries(listed));
  });

  it("hold what the program's Roles grant: nobody may grant what they may not do", () => {
    const rules = objects
      .filter(({ type }) => type.endsWith("/v1:Role"))
      .flatMap(({ inputs }) => inputs.rules as Rule[]);
    expect(rules.length).toBeGreaterThan(0);
    const granted = rules.flatMap(({ apiGroups, resources, verbs }) =>
      apiGroups.flatMap((group) =>
        resources.flatMap((resource) => verbs.map((verb) => `${verb} ${group}/${resource}`)),
      ),
    );
    const held = requiredRights.flatMap(({ group, resource, verbs }) =>
      verbs.map((verb) => `${verb} ${group}/${resource}`),
    );
    expect(granted.filter((right) => !held.includes(right))).toEqual([]);
  });
});

interface Rule {
  apiGroups: string[];
  resources: string[];
  verbs: string[];
}

describe("the pods of preflight", () => {
  it.each([
    { own: false, workload: "pool-v1" },
    { own: true, workload: "router" },
  ])("run under the rules of $workload", ({ own, workload }) => {
    const probe = { name: "x", image: "registry.test/x:1", command: ["/x"], own };
    const { spec } = probePod(probe, "0", 60) as { spec: PodSpec };
    const { inputs } = findResource(graphs[0]!, types.deployment, workload);
    const template = (inputs.spec as { template: { spec: PodSpec } }).template.spec;
    const ownRules = { ...template.securityContext };
    delete ownRules["fsGroup"]; // no volume, so nothing for a group to own
    expect(spec.securityContext).toEqual(ownRules);
    for (const container of template.containers) {
      const { securityContext, imagePullPolicy } = container;
      expect(spec.containers[0]).toMatchObject({ securityContext, imagePullPolicy });
    }
  });
});

interface PodSpec {
  securityContext: Record<string, unknown>;
  containers: { securityContext: object; imagePullPolicy: string }[];
}

describe("missing rights", () => {
  const verbs = ["create", "patch"];
  const missing = [
    { group: "", resource: "namespaces", scope: "cluster", verbs },
    { group: "apps", resource: "deployments", scope: "namespace", verbs },
    { group: "", resource: "secrets", scope: "namespace", verbs },
    { group: "", resource: "pods/proxy", scope: "namespace", verbs: ["get"] },
  ] as const;

  it("come with the commands that grant them, alike ones together", () => {
    const place = { namespace: "pool-migration-dev", exists: true };
    const problems = rightProblems("jane", missing, place);
    expect(problems.map(({ what }) => what)).toEqual([
      "jane may not create, patch namespaces in the cluster.",
      "jane may not create, patch deployments.apps, secrets in namespace pool-migration-dev.",
      "jane may not get pods/proxy in namespace pool-migration-dev.",
    ]);
    const [, second] = problems;
    const name = / (pool-migration-dev-[0-9a-f]{8}) /.exec(second?.fix ?? "")?.[1] ?? "";
    expect(second?.fix.split("\n").slice(1)).toEqual([
      `kubectl create role ${name} --namespace=pool-migration-dev --verb=create,patch --resource=deployments.apps,secrets`,
      `kubectl create rolebinding ${name} --namespace=pool-migration-dev --role=${name} --user='jane'`,
    ]);
  });

  it("are granted in the whole cluster while the namespace is not there", () => {
    const place = { namespace: "pool-migration-dev", exists: false };
    const user = "system:serviceaccount:ci:deployer";
    const commands = rightProblems(user, missing, place).flatMap(({ fix }) =>
      fix.split("\n").slice(1),
    );
    expect(commands).toHaveLength(6);
    for (const command of commands) {
      expect(command).toMatch(/^kubectl create clusterrole/);
      expect(command).not.toContain("--namespace");
    }
    expect(commands[1]).toMatch(/ --serviceaccount=ci:deployer$/);
  });
});
