import type { AgentReport } from "../../infra/rollout/agent-report.ts";
import type { Engagement } from "../../infra/rollout/brake.ts";
import { observeBrake } from "../../infra/rollout/brake.ts";
import { effectivePercentage } from "../../infra/rollout/percentage.ts";
import {
  formatRevision,
  parseRolloutData,
  rolloutData,
} from "../../infra/rollout/rollout-record.ts";
import type { TestApiServer } from "./api-server.ts";

/** How a simulated router replica behaves. */
export interface SimulatedReplica {
  name: string;
  /** The agent answers. */
  reachable: boolean;
  /** It sees changes of the ConfigMaps and applies them. */
  follows: boolean;
  /** What its agent says that it waits for; it then applies no raise. */
  waiting: string | null;
  /** What it holds. */
  held: readonly Engagement[];
  appliedPercentage: number;
}

/** Namespace and token that the simulated stack uses, and the port of its interfaces. */
export const simulated = { namespace: "pool-migration-dev", token: "agent-token", port: 9090 };

/** Path of a ConfigMap of the simulated stack. */
export function configMapPath(name: string): string {
  return `/api/v1/namespaces/${simulated.namespace}/configmaps/${name}`;
}

/**
 * Puts a deployed stack into the test API server: both ConfigMaps, the token's Secret and router pods whose
 * agents follow the ConfigMaps with the real rules each time they are asked.
 */
export function deployRouters(
  server: TestApiServer,
  options: { stage?: string; percentage?: number; replicas?: string[] } = {},
): SimulatedReplica[] {
  const { stage = "p25", percentage = 25, replicas = ["router-a", "router-b"] } = options;
  const root = `/api/v1/namespaces/${simulated.namespace}`;
  server.write(configMapPath("rollout"), {
    metadata: { name: "rollout" },
    data: rolloutData(stage, percentage),
  });
  server.write(configMapPath("brake"), { metadata: { name: "brake" } });
  server.write(`${root}/secrets/router-tokens-1a2b`, {
    metadata: { name: "router-tokens-1a2b" },
    data: { agent: Buffer.from(simulated.token).toString("base64") },
  });
  return replicas.map((name, index) => {
    const replica: SimulatedReplica = {
      name,
      reachable: true,
      follows: true,
      waiting: null,
      held: [],
      appliedPercentage: percentage,
    };
    server.write(`${root}/pods/${name}`, {
      metadata: { name, labels: { "app.kubernetes.io/name": "router" } },
      spec: {
        initContainers: [
          {
            name: "router-agent",
            ports: [{ name: "agent", containerPort: simulated.port }],
            env: [
              {
                name: "ROUTER_AGENT_TOKEN",
                valueFrom: { secretKeyRef: { name: "router-tokens-1a2b", key: "agent" } },
              },
            ],
          },
        ],
        containers: [{ name: "envoy" }],
      },
      status: { phase: "Running", podIP: `10.0.0.${String(index + 1)}` },
    });
    server.pods.set(`${simulated.namespace}/${name}:${String(simulated.port)}`, (request) => {
      if (!replica.reachable) return { status: 503, body: "connection refused" };
      if (request.headers["x-router-token"] !== simulated.token) return { status: 401, body: "" };
      return { status: 200, body: JSON.stringify(report(server, replica)) };
    });
    return replica;
  });
}

/** Lets an agent see the ConfigMaps and apply what they say, as it does each time it is asked. */
export function report(server: TestApiServer, replica: SimulatedReplica): AgentReport {
  const rollout = server.read(configMapPath("rollout"));
  const brake = server.read(configMapPath("brake"));
  const record = parseRolloutData(rollout?.["data"] as Record<string, string>);
  if (replica.follows) {
    replica.held = observeBrake(
      replica.held,
      brake
        ? { kind: "present", data: brake["data"] as Record<string, string> | undefined }
        : { kind: "absent" },
    );
    const goal = effectivePercentage(record, replica.held.length > 0);
    if (replica.waiting === null || goal < replica.appliedPercentage) {
      replica.appliedPercentage = goal;
    }
  }
  const side = { requests: 1200, failed: 2, fallbacks: 0 };
  const revision = formatRevision(
    rollout?.metadata.resourceVersion,
    brake?.metadata.resourceVersion,
  );
  return {
    pod: replica.name,
    revision,
    appliedPercentage: replica.appliedPercentage,
    commanded: { revision, ...record },
    brake: { engaged: replica.held.length > 0, engagements: [...replica.held] },
    waiting: replica.waiting,
    readyHosts: { v1: 2, v2: 2 },
    inFlight: { v1: 0, v2: 0 },
    decisions: { v1: side, v2: { ...side, fallbacks: 3 } },
    overrides: { v1: 0, v2: 1 },
    log: { linesRead: 2400, unreadableLines: 0, lostLines: 0 },
    apiServer: { reachable: true, secondsSinceContact: 0.2 },
  };
}
