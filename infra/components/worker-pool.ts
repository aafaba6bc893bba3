import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import type { PoolConfig, SideConfig } from "../config/migration-config.ts";
import type { Side } from "../rollout/decision.ts";
import {
  objectNames,
  poolAdminPort,
  poolName,
  workloadLabels,
  workloadSelector,
} from "../rollout/names.ts";
import { declareIngressPolicy, fromAnywhere, fromWorkload } from "./network-policy.ts";
import type { ObjectMetadata } from "./network-policy.ts";
import { declareAutoscaler, declareDisruptionBudget, deploymentSize } from "./pool-size.ts";
import { readyTimeout } from "./ready-timeout.ts";
import { workerPodTemplate } from "./worker-pod.ts";

/** What a pool of workers is made of. */
export interface WorkerPoolArgs extends SideConfig {
  readonly side: Side;
  /** Namespace of the stack; an output of the Namespace, so that the pool is created after it. */
  readonly namespace: pulumi.Input<string>;
  /** What both pools share. */
  readonly pool: PoolConfig;
  /** Name of the ConfigMap with the file of flags. */
  readonly flagsConfigMap: pulumi.Input<string>;
  /** Whether callers may reach the pods without the router. */
  readonly open: boolean;
}

/**
 * A pool of workers behind one name: Deployment, headless Service, ServiceAccount, a Secret with the workers'
 * environment, and what guards size and access. The Service also publishes pods that are not ready: the router decides
 * by its own health checks, and would lose its last resort if the name resolved to nothing.
 */
export class WorkerPool extends pulumi.ComponentResource {
  /** Name of the Deployment and the Service. */
  readonly deploymentName: pulumi.Output<string>;

  constructor(args: WorkerPoolArgs, opts: pulumi.ComponentResourceOptions) {
    const name = poolName(args.side);
    super("pool-migration:components:WorkerPool", name, {}, opts);
    const metadata = { name, namespace: args.namespace, labels: workloadLabels(name) };
    const child = { parent: this };

    const account = new k8s.core.v1.ServiceAccount(
      name,
      { metadata, automountServiceAccountToken: false },
      child,
    );
    const settings = createSettings(metadata, args, child);
    createService(metadata, args.pool, child);
    declareIngressPolicy(metadata, ingress(args), child);
    declareDisruptionBudget(metadata, child);
    declareAutoscaler(metadata, args, child);
    const size = deploymentSize(args);
    const deployment = new k8s.apps.v1.Deployment(
      name,
      {
        metadata: { ...metadata, ...size.annotations },
        spec: {
          replicas: args.replicas,
          progressDeadlineSeconds: args.pool.readyTimeoutSeconds,
          // Capacity never drops below the declared size while pods are replaced.
          strategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
          selector: { matchLabels: workloadSelector(name) },
          template: workerPodTemplate({
            ...args,
            account: account.metadata.name,
            settingsSecret: settings?.metadata.name,
          }),
        },
      },
      { ...child, ...size.options, customTimeouts: readyTimeout(args.pool.readyTimeoutSeconds) },
    );
    this.deploymentName = deployment.metadata.name;
    this.registerOutputs({ deploymentName: this.deploymentName });
  }
}

/** The router alone, where callers have to come through it, and the guard, which reads the contract's metrics. */
function ingress({ pool, open }: WorkerPoolArgs) {
  return [
    open ? fromAnywhere(pool.port) : fromWorkload(objectNames.router, pool.port),
    ...(pool.contract === "none" ? [] : [fromWorkload(objectNames.guard, poolAdminPort)]),
  ];
}

function createService(
  metadata: ObjectMetadata,
  { port }: PoolConfig,
  opts: pulumi.CustomResourceOptions,
): void {
  new k8s.core.v1.Service(
    metadata.name,
    {
      // Nothing to wait for: a pool without ready pods has no endpoints, and its name is right all the same.
      metadata: { ...metadata, annotations: { "pulumi.com/skipAwait": "true" } },
      spec: {
        clusterIP: "None",
        publishNotReadyAddresses: true,
        selector: workloadSelector(metadata.name),
        ports: [{ name: "http", port, targetPort: "http", protocol: "TCP" }],
      },
    },
    opts,
  );
}

/**
 * The environment as a Secret. It has no name of its own and is replaced when a value changes, so that the
 * Deployment, which names it, rolls.
 */
function createSettings(
  { name, namespace, labels }: ObjectMetadata,
  { settings }: WorkerPoolArgs,
  opts: pulumi.CustomResourceOptions,
): k8s.core.v1.Secret | undefined {
  if (Object.keys(settings).length === 0) return undefined;
  return new k8s.core.v1.Secret(
    `${name}-settings`,
    { metadata: { namespace, labels }, immutable: true, stringData: settings },
    opts,
  );
}
