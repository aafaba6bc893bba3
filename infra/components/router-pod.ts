import type * as k8s from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import { envoyArguments, routerDirectory } from "../rollout/envoy-bootstrap.ts";
import { objectNames } from "../rollout/names.ts";
import { routeTimeoutSeconds } from "../rollout/router-settings.ts";
import type { RouterSettings } from "../rollout/router-settings.ts";
import { spreadPods } from "./pod-spread.ts";
import { restrictedContainer, restrictedOwnPod } from "./restricted-pod.ts";
import { credentialsMount, credentialsVolume } from "./service-account.ts";

/** What a pod of the router is made of. */
export interface RouterPodArgs {
  readonly image: string;
  readonly settings: RouterSettings;
  /** Name of the ServiceAccount. */
  readonly account: pulumi.Input<string>;
  /** Name of the Secret with the keys `agent` and, where they are in use, `brake` and `override`. */
  readonly tokensSecret: pulumi.Input<string>;
  /** Whether the agents take the direct brake. */
  readonly brake: boolean;
  /** Whether testers may choose a side with the override header. */
  readonly override: boolean;
}

/** Where the ConfigMaps are mounted: what a pod that starts without an API server begins with. */
const mountDirectory = "/etc/router";

/** Seconds for which a stopping Envoy tells its callers to close their connections. */
const drainSeconds = 20;

/** Seconds kept back for what follows the drain. */
const terminationMarginSeconds = 10;

const node = "/usr/local/bin/node";

/**
 * Room for the agent's heap, MiB. With Node's defaults young objects alone take it over 120 MiB at 2,000 requests a
 * second; with these the process stays under 118 while it knows 100,000 sessions, and takes 146 at the million that it
 * knows at most (measured).
 */
const agentNodeOptions = "--max-semi-space-size=2 --max-old-space-size=40";

/**
 * Envoy with the agent beside it. The agent is a native sidecar: it writes and validates the first files, its startup
 * probe lets Envoy start, and it outlives Envoy when the pod stops.
 */
export function routerPodSpec(args: RouterPodArgs): k8s.types.input.core.v1.PodSpec {
  return {
    serviceAccountName: args.account,
    automountServiceAccountToken: false,
    securityContext: restrictedOwnPod,
    terminationGracePeriodSeconds:
      drainSeconds + routeTimeoutSeconds(args.settings) + terminationMarginSeconds,
    topologySpreadConstraints: spreadPods(objectNames.router),
    initContainers: [agentContainer(args)],
    containers: [envoyContainer(args)],
    volumes: [
      { name: "state", emptyDir: {} },
      { name: "rollout", configMap: { name: objectNames.rollout } },
      { name: "brake", configMap: { name: objectNames.brake } },
      credentialsVolume,
    ],
  };
}

function agentContainer(args: RouterPodArgs): k8s.types.input.core.v1.Container {
  const probe = (path: string) => ({ httpGet: { path, port: "agent" }, timeoutSeconds: 3 });
  const token = (name: string, key: string) => ({
    name,
    valueFrom: { secretKeyRef: { name: args.tokensSecret, key } },
  });
  return {
    name: "router-agent",
    image: args.image,
    imagePullPolicy: "IfNotPresent",
    restartPolicy: "Always",
    command: [node, "/app/scripts/agents/router-agent.ts"],
    ports: [{ name: "agent", containerPort: args.settings.ports.agent, protocol: "TCP" }],
    env: [
      settingsVariable(args.settings),
      token("ROUTER_AGENT_TOKEN", "agent"),
      ...(args.brake ? [token("ROUTER_BRAKE_TOKEN", "brake")] : []),
      ...(args.override ? [token("ROUTER_OVERRIDE_TOKEN", "override")] : []),
      { name: "POD_NAME", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
      { name: "POD_NAMESPACE", valueFrom: { fieldRef: { fieldPath: "metadata.namespace" } } },
      { name: "NODE_OPTIONS", value: agentNodeOptions },
    ],
    startupProbe: { ...probe("/startup"), periodSeconds: 1, failureThreshold: 60 },
    livenessProbe: { ...probe("/livez"), periodSeconds: 10, failureThreshold: 3 },
    resources: { requests: { cpu: "50m", memory: "96Mi" }, limits: { memory: "256Mi" } },
    securityContext: restrictedContainer,
    volumeMounts: [
      { name: "state", mountPath: routerDirectory },
      { name: "rollout", mountPath: `${mountDirectory}/rollout`, readOnly: true },
      { name: "brake", mountPath: `${mountDirectory}/brake`, readOnly: true },
      credentialsMount,
    ],
  };
}

function envoyContainer(args: RouterPodArgs): k8s.types.input.core.v1.Container {
  return {
    name: "envoy",
    image: args.image,
    imagePullPolicy: "IfNotPresent",
    command: ["/usr/local/bin/envoy", ...envoyArguments(args.settings)],
    ports: [
      { name: "http", containerPort: args.settings.ports.listener, protocol: "TCP" },
      { name: "ready", containerPort: args.settings.ports.readiness, protocol: "TCP" },
    ],
    env: [settingsVariable(args.settings)],
    lifecycle: { preStop: { exec: { command: [node, "/app/scripts/agents/drain.ts"] } } },
    // Envoy's own listener answers, so that a dead agent takes nothing off the air.
    readinessProbe: {
      httpGet: { path: "/ready", port: "ready" },
      periodSeconds: 1,
      failureThreshold: 2,
    },
    livenessProbe: { tcpSocket: { port: "ready" }, periodSeconds: 10, failureThreshold: 3 },
    resources: { requests: { cpu: "100m", memory: "96Mi" }, limits: { memory: "512Mi" } },
    securityContext: restrictedContainer,
    volumeMounts: [{ name: "state", mountPath: routerDirectory }],
  };
}

function settingsVariable(settings: RouterSettings): k8s.types.input.core.v1.EnvVar {
  return { name: "ROUTER_SETTINGS", value: JSON.stringify(settings) };
}
