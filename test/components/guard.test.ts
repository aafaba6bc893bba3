import { dirname } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { guardPortName } from "../../infra/rollout/guard-report.ts";
import { stageNames, stageTable } from "../../infra/rollout/stages.ts";
import { guardOptions } from "../../scripts/agents/guard/options.ts";
import { findResource, resourcesNotBehind } from "../lib/graph.ts";
import type { Graph } from "../lib/graph.ts";
import { exampleGraph, exampleRouter, exampleSecrets, types } from "./example-stack.ts";
import {
  guardContainer,
  guardSettingsOf,
  guardVariables,
  guardWorkload,
} from "./guard-workload.ts";

const brakeToken = "brake-token-of-the-tests";
const withBrake = exampleRouter({ brakeToken });

let graph: Graph;
beforeAll(async () => {
  graph = await exampleGraph("p25", withBrake);
});

const ofGuard = ({ resources }: Graph) => resources.filter(({ name }) => name.startsWith("guard"));

describe("the guard's rights", () => {
  it("are these alone", () => {
    expect(findResource(graph, types.role, "guard").inputs.rules).toEqual([
      {
        apiGroups: [""],
        resources: ["configmaps"],
        resourceNames: ["brake"],
        verbs: ["get", "patch"],
      },
      { apiGroups: [""], resources: ["configmaps"], resourceNames: ["rollout"], verbs: ["get"] },
      {
        apiGroups: ["coordination.k8s.io"],
        resources: ["leases"],
        resourceNames: ["guard"],
        verbs: ["get", "update"],
      },
      { apiGroups: [""], resources: ["pods"], verbs: ["list"] },
      { apiGroups: [""], resources: ["events"], verbs: ["create"] },
    ]);
  });

  it("come from one binding, in the namespace, to its own account", () => {
    const bindings = graph.resources.filter(({ type, inputs }) => {
      const subjects = (inputs.subjects ?? []) as { name: string }[];
      return type.endsWith("Binding") && subjects.some(({ name }) => name === "guard");
    });
    expect(bindings.map(({ type, name }) => `${type} ${name}`)).toEqual([
      `${types.roleBinding} guard`,
    ]);
    expect(bindings[0]?.inputs).toMatchObject({
      metadata: { name: "guard", namespace: "pool-migration-dev" },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "guard" },
      subjects: [{ kind: "ServiceAccount", name: "guard", namespace: "pool-migration-dev" }],
    });
    expect(guardWorkload(graph).template.spec.serviceAccountName).toBe("guard");
    expect(graph.resources.filter(({ type }) => type.includes(":ClusterRole"))).toEqual([]);
  });
});

describe("the guard's pods", () => {
  it("are as many as declared, have their time to get ready, and 15 s to stop", async () => {
    const other = await exampleGraph("p25", {
      guard: { replicas: 3 },
      pool: { readyTimeoutSeconds: 45 },
    });
    expect(guardWorkload(graph).replicas).toBe(2);
    expect(guardWorkload(other)).toMatchObject({ replicas: 3, progressDeadlineSeconds: 45 });
    expect(findResource(other, types.deployment, "guard").customTimeouts.update).toBe("45s");
    expect(guardWorkload(other).template.spec.terminationGracePeriodSeconds).toBe(15);
    expect(findResource(graph, types.disruptionBudget, "guard").inputs.spec).toMatchObject({
      maxUnavailable: 1,
      selector: { matchLabels: { "app.kubernetes.io/name": "guard" } },
    });
  });

  it("run the guard of the tools, and are asked for life and readiness on its own port", () => {
    const probe = (path: string) => ({ httpGet: { path, port: guardPortName } });
    expect(guardContainer(graph)).toMatchObject({
      image: "registry.test/tools:1",
      command: ["/usr/local/bin/node", "/app/scripts/agents/guard.ts"],
      ports: [{ name: guardPortName, containerPort: guardSettingsOf(graph).port }],
      startupProbe: probe("/livez"),
      livenessProbe: probe("/livez"),
      readinessProbe: probe("/readyz"),
      resources: { requests: { cpu: "50m", memory: "128Mi" }, limits: { memory: "384Mi" } },
    });
  });

  it("get all that the program asks for, and where it looks for it", () => {
    // What comes from a Secret or from the pod itself is not known here: its name stands for it.
    const known = [...guardVariables(graph).values()].map(({ name, value }) => [
      name,
      value ?? name,
    ]);
    const options = guardOptions(Object.fromEntries(known) as NodeJS.ProcessEnv, () =>
      Promise.reject(new Error("not connected here")),
    );
    expect(options).toMatchObject({
      pod: "POD_NAME",
      namespace: "POD_NAMESPACE",
      token: "GUARD_TOKEN",
      brakeToken: "ROUTER_BRAKE_TOKEN",
      database: expect.any(Object) as object,
    });
    const paths = guardContainer(graph).volumeMounts.map(({ mountPath }) => mountPath);
    expect(paths).toContain(options.directory);
    expect(paths).toContain(dirname(options.flagsFile));
  });

  it("keep what they have seen, and see the flags", () => {
    const { volumes } = guardWorkload(graph).template.spec;
    expect(volumes).toMatchObject([
      { name: "state", emptyDir: { sizeLimit: "1Gi" } },
      { name: "flags", configMap: { name: "pool-flags" } },
      { name: "credentials" },
    ]);
    expect(guardContainer(graph).volumeMounts).toEqual([
      { name: "state", mountPath: "/var/lib/guard" },
      { name: "flags", mountPath: "/etc/guard/flags", readOnly: true },
      {
        name: "credentials",
        mountPath: "/var/run/secrets/kubernetes.io/serviceaccount",
        readOnly: true,
      },
    ]);
    const router = findResource(graph, types.deployment, "router").inputs as {
      spec: { template: { spec: { volumes: { name: string }[] } } };
    };
    expect(volumes[2]).toEqual(
      router.spec.template.spec.volumes.find((v) => v.name === "credentials"),
    );
  });

  it("stay as they are, with all that belongs to them, from the first stage to the last", async () => {
    const stages = stageNames(stageTable("accelerated"));
    // Other limits than V1's, which would be those of a stage without V2.
    const resources = { limits: { cpu: "1500m", memory: "1Gi" } };
    const config = { ...withBrake, v2: { image: "registry.test/pool:2", resources } };
    const all: ReturnType<typeof ofGuard>[] = [];
    for (const stage of stages) all.push(ofGuard(await exampleGraph(stage, config)));
    expect(all[0]?.map(({ type }) => type).sort()).toEqual(
      [
        "pool-migration:components:Guard",
        types.deployment,
        types.disruptionBudget,
        types.lease,
        types.networkPolicy,
        types.role,
        types.roleBinding,
        types.secret,
        types.serviceAccount,
      ].sort(),
    );
    const described = (of: ReturnType<typeof ofGuard>) =>
      of.map((each) => JSON.stringify(each)).sort();
    for (const [index, later] of all.entries()) {
      expect([stages[index], described(later)]).toEqual([stages[index], described(all[0] ?? [])]);
    }
  });

  it("are gone with the router", async () => {
    const without = await exampleGraph("retired", exampleRouter({ retire: true }));
    expect(ofGuard(without)).toEqual([]);
  });
});

describe("the guard's secrets", () => {
  const reference = (of: Graph, name: string) =>
    guardVariables(of).get(name)?.valueFrom?.secretKeyRef ?? {};

  it("come from Secrets, none from the text of its environment", () => {
    const tokens = { name: expect.stringMatching(/^router-tokens-/) as string };
    expect(reference(graph, "GUARD_TOKEN")).toEqual({ ...tokens, key: "agent" });
    expect(reference(graph, "ROUTER_BRAKE_TOKEN")).toEqual({ ...tokens, key: "brake" });
    const clear = JSON.stringify(findResource(graph, types.deployment, "guard").inputs);
    const password = writersPassword(graph);
    for (const secret of [...Object.values(exampleSecrets), brakeToken, password]) {
      expect(clear).not.toContain(secret);
    }
    const plain = guardContainer(graph).env.flatMap(({ name, value }) => (value ? [name] : []));
    expect(plain).toEqual([
      "GUARD_SETTINGS",
      "PGHOST",
      "PGPORT",
      "PGDATABASE",
      "PGUSER",
      "PGSSLMODE",
      "NODE_OPTIONS",
      "MALLOC_ARENA_MAX",
    ]);
  });

  it("are the writer's login, in a Secret that another password replaces", async () => {
    const { inputs, secrets } = findResource(graph, types.secret, "guard-credentials");
    expect(inputs).toMatchObject({
      immutable: true,
      stringData: { PGPASSWORD: writersPassword(graph) },
    });
    expect(inputs.metadata).not.toHaveProperty("name");
    expect(secrets).toContain("stringData");
    expect(reference(graph, "PGPASSWORD")).toEqual({
      name: expect.stringMatching(/^guard-credentials-/) as string,
      key: "PGPASSWORD",
    });
    const plain = ["PGHOST", "PGPORT", "PGDATABASE", "PGUSER", "PGSSLMODE"].map(
      (name) => guardVariables(graph).get(name)?.value,
    );
    expect(plain).toEqual([
      "10.0.0.9",
      "5432",
      "pool_migration",
      "pool_migration_writer_login",
      "disable",
    ]);
    const database = {
      host: "10.0.0.9",
      admin: { user: "admin", password: "another-of-the-tests" },
    };
    const changed = await exampleGraph("p25", { ...withBrake, database });
    expect(reference(changed, "PGPASSWORD")).not.toEqual(reference(graph, "PGPASSWORD"));
  });

  it("are fewer without a database or a direct brake", async () => {
    const bare = await exampleGraph("p25", { database: {} });
    expect([...guardVariables(bare).keys()]).toEqual([
      "GUARD_SETTINGS",
      "POD_NAME",
      "POD_NAMESPACE",
      "GUARD_TOKEN",
      "NODE_OPTIONS",
      "MALLOC_ARENA_MAX",
    ]);
    expect(() => findResource(bare, types.secret, "guard-credentials")).toThrow(/no .*Secret/);
  });
});

describe("waiting", () => {
  it("for the guard is done by nothing", () => {
    for (const { type, name } of ofGuard(graph)) {
      const notBehind = new Set(resourcesNotBehind(graph, `${type} ${name}`));
      const waiting = graph.resources.filter(
        (other) => !other.name.startsWith("guard") && !notBehind.has(`${other.type} ${other.name}`),
      );
      expect(waiting.map((other) => `${other.type} ${other.name}`)).toEqual([]);
    }
  });

  it("is done by the guard for what it names, and for the database that it logs in to: no pods, no tables", () => {
    const awaited = new Set(ofGuard(graph).flatMap(({ dependencies }) => dependencies));
    expect([...awaited].filter((key) => !key.includes(" guard")).sort()).toEqual([
      `${types.configMap} pool-flags`,
      `${types.configMap} rollout`,
      "kubernetes:core/v1:Namespace namespace",
      `${types.secret} router-tokens`,
      // A database with sessions cannot be dropped: the guard goes first.
      "postgresql:index/database:Database database",
      "postgresql:index/role:Role writer-login",
    ]);
  });
});

/** Password of the login with which the guard writes. */
function writersPassword(of: Graph): string {
  const { inputs } = findResource(of, "postgresql:index/role:Role", "writer-login");
  return String(inputs.password);
}
