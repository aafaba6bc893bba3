import { beforeAll, describe, expect, it } from "vitest";
import { findResource } from "../lib/graph.ts";
import type { Graph } from "../lib/graph.ts";
import { exampleGraph, types } from "./example-stack.ts";

/** The little of a pod's specification that is looked at here. */
interface PodSpec {
  readonly hostNetwork?: boolean;
  readonly automountServiceAccountToken?: boolean;
  readonly terminationGracePeriodSeconds?: number;
  readonly securityContext: {
    readonly runAsNonRoot?: boolean;
    readonly runAsUser?: number;
    readonly seccompProfile?: { readonly type: string };
  };
  readonly containers: readonly Container[];
  readonly initContainers?: readonly Container[];
  readonly volumes?: readonly Record<string, unknown>[];
}

interface Container {
  readonly name: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly restartPolicy?: string;
  readonly ports?: readonly { readonly name: string; readonly hostPort?: number }[];
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
  readonly envFrom?: readonly { readonly secretRef: { readonly name: string } }[];
  readonly lifecycle?: Record<string, unknown>;
  readonly startupProbe?: Record<string, unknown>;
  readonly readinessProbe?: Record<string, unknown>;
  readonly livenessProbe?: Record<string, unknown>;
  readonly resources?: { readonly requests: object; readonly limits: object };
  readonly securityContext: Record<string, unknown>;
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string }[];
}

interface Workload {
  readonly replicas?: number;
  readonly progressDeadlineSeconds?: number;
  readonly strategy?: { readonly rollingUpdate: Record<string, number> };
  readonly template: { readonly metadata: object; readonly spec: PodSpec };
}

const workloads = [
  [types.deployment, "pool-v1"],
  [types.deployment, "pool-v2"],
  [types.deployment, "router"],
  [types.deployment, "guard"],
  [types.job, "migrate"],
] as const;

let graph: Graph;
beforeAll(async () => {
  graph = await exampleGraph("p25");
});

const workload = (type: string, name: string): Workload =>
  findResource(graph, type, name).inputs.spec as Workload;
const pod = (type: string, name: string): PodSpec => workload(type, name).template.spec;
const container = (spec: PodSpec, name: string): Container => {
  const found = [...(spec.initContainers ?? []), ...spec.containers].find((c) => c.name === name);
  if (found === undefined) throw new Error(`no container ${name}`);
  return found;
};

describe.each(workloads)("%s %s", (type, name) => {
  it("is accepted by the Pod Security Standard restricted, with a read-only root", () => {
    const spec = pod(type, name);
    expect(spec.hostNetwork).toBeUndefined();
    expect(spec.securityContext).toMatchObject({
      runAsNonRoot: true,
      seccompProfile: { type: "RuntimeDefault" },
    });
    expect(spec.securityContext.runAsUser).not.toBe(0);
    const restricted = new Set(["configMap", "emptyDir", "projected", "secret"]);
    for (const volume of spec.volumes ?? []) {
      const kinds = Object.keys(volume).filter((key) => key !== "name");
      expect(kinds.every((kind) => restricted.has(kind))).toBe(true);
    }
    for (const { securityContext, ports } of [...spec.containers, ...(spec.initContainers ?? [])]) {
      expect(securityContext).toEqual({
        allowPrivilegeEscalation: false,
        capabilities: { drop: ["ALL"] },
        readOnlyRootFilesystem: true,
      });
      expect((ports ?? []).some(({ hostPort }) => hostPort !== undefined)).toBe(false);
    }
  });

  it("asks for resources, bounds its memory, and mounts no token by default", () => {
    const spec = pod(type, name);
    expect(spec.automountServiceAccountToken).toBe(false);
    for (const { resources } of [...spec.containers, ...(spec.initContainers ?? [])]) {
      expect(resources).toEqual({
        requests: { cpu: expect.any(String) as string, memory: expect.any(String) as string },
        limits: { memory: expect.any(String) as string },
      });
    }
  });
});

describe("pods of a pool", () => {
  it("fail the update when they are late", async () => {
    const late = await exampleGraph("p25", { pool: { readyTimeoutSeconds: 45 } });
    const { inputs, customTimeouts } = findResource(late, types.deployment, "pool-v2");
    expect(inputs.spec).toMatchObject({ progressDeadlineSeconds: 45 });
    expect(customTimeouts).toEqual({ create: "45s", update: "45s" });
  });

  it("have the time to finish: propagation, settling, draining and a margin", () => {
    const spec = pod(types.deployment, "pool-v1");
    const worker = container(spec, "worker");
    expect(worker.lifecycle).toEqual({ preStop: { sleep: { seconds: 2 } } });
    const settle = Number(worker.env?.find(({ name }) => name === "POOL_SETTLE_S")?.value);
    const drain = Number(worker.env?.find(({ name }) => name === "POOL_DRAIN_TIMEOUT_S")?.value);
    expect(drain).toBe(30);
    expect(spec.terminationGracePeriodSeconds).toBe(2 + settle + drain + 10);
  });

  it("are asked for readiness on their data port, and for life without their dependencies", () => {
    const worker = container(pod(types.deployment, "pool-v2"), "worker");
    const ready = { httpGet: { path: "/readyz", port: "http" } };
    expect(worker.startupProbe).toMatchObject(ready);
    expect(worker.readinessProbe).toMatchObject(ready);
    expect(worker.livenessProbe).toMatchObject({ tcpSocket: { port: "http" } });
  });

  it("know their side and their limits, and get their settings from a Secret", () => {
    const worker = container(pod(types.deployment, "pool-v2"), "worker");
    expect(Object.fromEntries((worker.env ?? []).map((e) => [e.name, e.value]))).toEqual({
      POOL_VERSION: "v2",
      POOL_PORT: "8080",
      POOL_OPERATION_TIMEOUT_MS: "30000",
      POOL_DRAIN_TIMEOUT_S: "30",
      POOL_SETTLE_S: "5",
      POOL_FLAGS_FILE: "/etc/pool/flags/flags.json",
    });
    expect(worker.envFrom).toEqual([
      { secretRef: { name: expect.stringMatching(/^pool-v2-settings-/) as string } },
    ]);
    expect(findResource(graph, types.secret, "pool-v2-settings").inputs).toMatchObject({
      immutable: true,
      stringData: { POOL_WORKERS: "4" },
    });
  });

  it("roll when a setting changes, and only those of the pool that has it", async () => {
    const changed = await exampleGraph("p25", {
      v2: { image: "registry.test/pool:2", settings: { POOL_WORKERS: "8" } },
    });
    const template = (name: string, of: Graph) =>
      JSON.stringify(findResource(of, types.deployment, name).inputs);
    expect(template("pool-v2", changed)).not.toBe(template("pool-v2", graph));
    expect(template("pool-v1", changed)).toBe(template("pool-v1", graph));
    expect(template("router", changed)).toBe(template("router", graph));
  });

  it("have no Secret when there are no settings", async () => {
    const bare = await exampleGraph("baseline", { pool: {} });
    expect(() => findResource(bare, types.secret, "pool-v1-settings")).toThrow(/no .*Secret/);
    const { spec } = findResource(bare, types.deployment, "pool-v1").inputs as { spec: Workload };
    expect(container(spec.template.spec, "worker").envFrom).toBeUndefined();
  });

  it("are published by name whether ready or not, without the engine waiting for it", () => {
    const service = findResource(graph, types.service, "pool-v2").inputs;
    expect(service).toMatchObject({
      metadata: { name: "pool-v2", annotations: { "pulumi.com/skipAwait": "true" } },
      spec: {
        clusterIP: "None",
        publishNotReadyAddresses: true,
        selector: { "app.kubernetes.io/name": "pool-v2" },
      },
    });
  });
});

describe.each(["pool-v1", "pool-v2", "router", "guard"])("pods of %s", (name) => {
  it("spread over zones and nodes where there are several, and run all the same where not", () => {
    const spec = pod(types.deployment, name) as PodSpec & { topologySpreadConstraints: object[] };
    const spread = (topologyKey: string) => ({
      maxSkew: 1,
      topologyKey,
      whenUnsatisfiable: "ScheduleAnyway",
      labelSelector: { matchLabels: { "app.kubernetes.io/name": name } },
      matchLabelKeys: ["pod-template-hash"],
    });
    expect(spec.topologySpreadConstraints).toEqual([
      spread("topology.kubernetes.io/zone"),
      spread("kubernetes.io/hostname"),
    ]);
  });

  it("are never fewer while they are replaced", () => {
    expect(workload(types.deployment, name).strategy?.rollingUpdate).toEqual({
      maxUnavailable: 0,
      maxSurge: 1,
    });
  });
});

describe("pods of the router", () => {
  it("start the agent first and keep it beside Envoy", () => {
    const spec = pod(types.deployment, "router");
    const agent = container(spec, "router-agent");
    expect(spec.initContainers).toEqual([agent]);
    expect(agent.restartPolicy).toBe("Always");
    expect(agent.startupProbe).toMatchObject({ httpGet: { path: "/startup", port: "agent" } });
    expect(agent.livenessProbe).toMatchObject({ httpGet: { path: "/livez", port: "agent" } });
    expect(agent.readinessProbe).toBeUndefined();
  });

  it("are ready when Envoy says so, and drain before they stop", () => {
    const envoy = container(pod(types.deployment, "router"), "envoy");
    expect(envoy.readinessProbe).toMatchObject({ httpGet: { path: "/ready", port: "ready" } });
    expect(envoy.lifecycle).toEqual({
      preStop: { exec: { command: ["/usr/local/bin/node", "/app/scripts/agents/drain.ts"] } },
    });
    expect(envoy.command).toContain("--reject-unknown-dynamic-fields");
    const drain = Number(envoy.command?.[envoy.command.indexOf("--drain-time-s") + 1]);
    const grace = pod(types.deployment, "router").terminationGracePeriodSeconds ?? 0;
    expect(grace).toBeGreaterThanOrEqual(drain + 30 + 5 + 10);
  });

  it("share a directory, and begin with the mounted ConfigMaps, which must be there", () => {
    const spec = pod(types.deployment, "router");
    expect(spec.volumes?.slice(0, 3)).toEqual([
      { name: "state", emptyDir: {} },
      { name: "rollout", configMap: { name: "rollout" } },
      { name: "brake", configMap: { name: "brake" } },
    ]);
    const mounts = (name: string) =>
      Object.fromEntries(
        (container(spec, name).volumeMounts ?? []).map((m) => [m.name, m.mountPath]),
      );
    expect(mounts("router-agent")).toEqual({
      state: "/var/lib/router",
      rollout: "/etc/router/rollout",
      brake: "/etc/router/brake",
      credentials: "/var/run/secrets/kubernetes.io/serviceaccount",
    });
    expect(mounts("envoy")).toEqual({ state: "/var/lib/router" });
  });

  it("get their tokens from the Secret, the agent alone, and roll when one changes", async () => {
    const spec = pod(types.deployment, "router");
    const tokens = (name: string) =>
      (container(spec, name).env ?? []).map((e) => e.name).filter((n) => n.includes("TOKEN"));
    expect(tokens("router-agent")).toEqual(["ROUTER_AGENT_TOKEN", "ROUTER_OVERRIDE_TOKEN"]);
    expect(tokens("envoy")).toEqual([]);
    const changed = await exampleGraph("p25", {
      router: { agentToken: "another-agent-token-of-the-tests" },
    });
    const rolled = findResource(changed, types.deployment, "router").inputs;
    expect(JSON.stringify(rolled)).not.toContain("ROUTER_OVERRIDE_TOKEN");
    expect(rolled).not.toEqual(findResource(graph, types.deployment, "router").inputs);
    expect(
      Object.keys(findResource(changed, types.secret, "router-tokens").inputs.stringData as object),
    ).toEqual(["agent"]);
  });
});
