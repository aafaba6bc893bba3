import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import type { PoolConfig, RouterConfig } from "../config/migration-config.ts";
import type { Side } from "../rollout/decision.ts";
import type { GuardPodSettings } from "../rollout/guard-settings.ts";
import {
  objectNames,
  poolName,
  serviceHost,
  workloadLabels,
  workloadSelector,
} from "../rollout/names.ts";
import { routerSettingsSchema } from "../rollout/router-settings.ts";
import type { RouterSettings } from "../rollout/router-settings.ts";
import { declareBrake } from "./brake.ts";
import { declareIngressPolicy, fromAnywhere } from "./network-policy.ts";
import type { ObjectMetadata } from "./network-policy.ts";
import { declareOwnDeployment } from "./own-deployment.ts";
import { routerPodSpec } from "./router-pod.ts";
import { declareServiceAccount } from "./service-account.ts";

/** What the router is made of. The percentage is not among it: a change of stage must not touch the pods. */
export interface TrafficRouterArgs extends RouterConfig {
  /** Name of the stack's namespace, part of the pools' addresses. */
  readonly namespaceName: string;
  /** The same as an output of the Namespace, so that the router is created after it. */
  readonly namespace: pulumi.Input<string>;
  /** What both pools share. */
  readonly pool: PoolConfig;
}

const name = objectNames.router;

/**
 * The router: Envoy with its agent, the brake, and what the agent may do. Pods follow the ConfigMaps `rollout` and
 * `brake` while they run, so neither a change of stage nor the brake restarts them.
 */
export class TrafficRouter extends pulumi.ComponentResource {
  /** Address of the router inside the cluster, `host:port`. */
  readonly address: pulumi.Output<string>;
  /** Name of the Secret with the keys `agent` and, where the override is in use, `override`. */
  readonly tokensSecret: pulumi.Output<string>;
  /** Where the agents are found inside the cluster, and how many there have to be. */
  readonly agents: GuardPodSettings["agents"];

  constructor(args: TrafficRouterArgs, opts: pulumi.ComponentResourceOptions) {
    super("pool-migration:components:TrafficRouter", name, {}, opts);
    const child = { parent: this };
    const metadata = { name, namespace: args.namespace, labels: workloadLabels(name) };
    const port = args.pool.port;

    declareBrake(args.namespace, child);
    const account = declareServiceAccount(metadata, agentMayDo, child);
    const tokens = createTokens(args, metadata.labels, child);
    this.tokensSecret = tokens.metadata.name;
    const service = new k8s.core.v1.Service(
      name,
      {
        // The Deployment is what is waited for: without its pods this would go on long after that was given up.
        metadata: { ...metadata, annotations: { "pulumi.com/skipAwait": "true" } },
        spec: {
          selector: workloadSelector(name),
          ports: [{ name: "http", port, targetPort: "http", protocol: "TCP" }],
        },
      },
      child,
    );
    new k8s.policy.v1.PodDisruptionBudget(
      name,
      {
        metadata,
        spec: { maxUnavailable: 1, selector: { matchLabels: workloadSelector(name) } },
      },
      child,
    );
    const settings = routerSettings(args);
    declareIngressPolicy(metadata, ingress(settings), child);
    this.agents = {
      host: serviceHost(declareAgentsService(metadata, settings, child), args.namespaceName),
      port: settings.ports.agent,
      expected: args.replicas,
    };
    declareOwnDeployment(
      metadata,
      {
        replicas: args.replicas,
        readyTimeoutSeconds: args.pool.readyTimeoutSeconds,
        pod: routerPodSpec({
          image: args.image,
          account,
          settings,
          tokensSecret: this.tokensSecret,
          brake: args.brakeToken !== undefined,
          override: args.overrideToken !== undefined,
        }),
      },
      child,
    );
    this.address = pulumi.interpolate`${service.metadata.name}.${service.metadata.namespace}.svc:${port}`;
    this.registerOutputs({ address: this.address, tokensSecret: this.tokensSecret });
  }
}

/** What the pods are told. Both pools have an address at every stage: a name that does not resolve has no hosts. */
function routerSettings(args: TrafficRouterArgs): RouterSettings {
  const pool = (side: Side) => ({
    host: serviceHost(poolName(side), args.namespaceName),
    port: args.pool.port,
  });
  return routerSettingsSchema.parse({
    ports: {},
    sessionHeader: args.sessionHeader,
    pools: { v1: pool("v1"), v2: pool("v2") },
    readinessPath: args.pool.readinessPath,
    operationTimeoutSeconds: args.pool.operationTimeoutSeconds,
    idempotencyKeys: args.pool.idempotencyKeys,
  });
}

/**
 * Callers come from anywhere. So do those who ask the agents, because the API server's pod proxy has the address of
 * whatever machine it runs on: there a token decides.
 */
function ingress({ ports }: RouterSettings) {
  return [fromAnywhere(ports.listener), fromAnywhere(ports.agent)];
}

/**
 * A name that resolves to every agent: the guard asks each of them, ready or not.
 *
 * @returns the name
 */
function declareAgentsService(
  { namespace, labels }: ObjectMetadata,
  { ports }: RouterSettings,
  opts: pulumi.CustomResourceOptions,
): string {
  const agents = objectNames.routerAgents;
  new k8s.core.v1.Service(
    agents,
    {
      metadata: {
        name: agents,
        namespace,
        labels,
        annotations: { "pulumi.com/skipAwait": "true" },
      },
      spec: {
        clusterIP: "None",
        publishNotReadyAddresses: true,
        selector: workloadSelector(name),
        ports: [{ name: "agent", port: ports.agent, targetPort: "agent", protocol: "TCP" }],
      },
    },
    opts,
  );
  return agents;
}

/** The agent may read the two ConfigMaps, by name, and nothing else. */
const agentMayDo: k8s.types.input.rbac.v1.PolicyRule[] = [
  {
    apiGroups: [""],
    resources: ["configmaps"],
    resourceNames: [objectNames.rollout, objectNames.brake],
    verbs: ["get", "list", "watch"],
  },
];

/** Without a name of its own, so that a changed token replaces the Secret and the Deployment rolls. */
function createTokens(
  args: TrafficRouterArgs,
  labels: Record<string, string>,
  opts: pulumi.CustomResourceOptions,
): k8s.core.v1.Secret {
  return new k8s.core.v1.Secret(
    objectNames.routerTokens,
    {
      metadata: { namespace: args.namespace, labels },
      immutable: true,
      stringData: {
        agent: args.agentToken,
        ...(args.brakeToken === undefined ? {} : { brake: args.brakeToken }),
        ...(args.overrideToken === undefined ? {} : { override: args.overrideToken }),
      },
    },
    opts,
  );
}
