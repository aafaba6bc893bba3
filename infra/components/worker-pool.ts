import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import type { PoolConfig, SideConfig } from "../config/migration-config.ts";
import type { Side } from "../rollout/decision.ts";
import { poolName, workloadLabels, workloadSelector } from "../rollout/names.ts";
import { readyTimeout } from "./ready-timeout.ts";
import { restrictedContainer, restrictedPod } from "./restricted-pod.ts";

/** What a pool of workers is made of. */
export interface WorkerPoolArgs extends SideConfig {
  readonly side: Side;
  /** Namespace of the stack; an output of the Namespace, so that the pool is created after it. */
  readonly namespace: pulumi.Input<string>;
  /** What both pools share. */
  readonly pool: PoolConfig;
}

/**
 * Seconds for which a stopping pod goes on as if nothing had happened: callers that come through a Service of the
 * cluster still reach it until every node has taken it out of its rules. Only then does the worker get SIGTERM.
 */
const endpointPropagationSeconds = 2;

/**
 * Seconds for which a worker that got SIGTERM fails its readiness check and still takes requests: the router's
 * health checks notice within one to two.
 */
const settleSeconds = 5;

/** Seconds kept back for what follows the drain: stopping workers, writing logs. */
const terminationMarginSeconds = 10;

/**
 * A pool of workers behind one name: Deployment, headless Service, ServiceAccount, and a Secret with the workers'
 * environment. The Service also publishes pods that are not ready: the router decides by its own health checks, and
 * would lose its last resort if the name resolved to nothing.
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
    const settings = createSettings(name, args, metadata.labels, child);
    new k8s.core.v1.Service(
      name,
      {
        // Nothing to wait for: a pool without ready pods has no endpoints, and its name is right all the same.
        metadata: { ...metadata, annotations: { "pulumi.com/skipAwait": "true" } },
        spec: {
          clusterIP: "None",
          publishNotReadyAddresses: true,
          selector: workloadSelector(name),
          ports: [{ name: "http", port: args.pool.port, targetPort: "http", protocol: "TCP" }],
        },
      },
      child,
    );
    const deployment = new k8s.apps.v1.Deployment(
      name,
      {
        metadata,
        spec: {
          replicas: args.replicas,
          progressDeadlineSeconds: args.pool.readyTimeoutSeconds,
          // Capacity never drops below the declared size while pods are replaced.
          strategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
          selector: { matchLabels: workloadSelector(name) },
          template: {
            metadata: { labels: metadata.labels },
            spec: podSpec(args, account.metadata.name, settings?.metadata.name),
          },
        },
      },
      { ...child, customTimeouts: readyTimeout(args.pool.readyTimeoutSeconds) },
    );
    this.deploymentName = deployment.metadata.name;
    this.registerOutputs({ deploymentName: this.deploymentName });
  }
}

/**
 * The environment as a Secret. It has no name of its own and is replaced when a value changes, so that the
 * Deployment, which names it, rolls.
 */
function createSettings(
  name: string,
  args: WorkerPoolArgs,
  labels: Record<string, string>,
  opts: pulumi.CustomResourceOptions,
): k8s.core.v1.Secret | undefined {
  if (Object.keys(args.settings).length === 0) return undefined;
  return new k8s.core.v1.Secret(
    `${name}-settings`,
    {
      metadata: { namespace: args.namespace, labels },
      immutable: true,
      stringData: args.settings,
    },
    opts,
  );
}

function podSpec(
  args: WorkerPoolArgs,
  account: pulumi.Input<string>,
  settings: pulumi.Input<string> | undefined,
): k8s.types.input.core.v1.PodSpec {
  const ready = { path: args.pool.readinessPath, port: "http" };
  return {
    serviceAccountName: account,
    automountServiceAccountToken: false,
    securityContext: restrictedPod,
    terminationGracePeriodSeconds:
      endpointPropagationSeconds +
      settleSeconds +
      args.pool.drainTimeoutSeconds +
      terminationMarginSeconds,
    containers: [
      {
        name: "worker",
        image: args.image,
        imagePullPolicy: "IfNotPresent",
        ports: [{ name: "http", containerPort: args.pool.port, protocol: "TCP" }],
        env: [
          { name: "POOL_VERSION", value: args.side },
          { name: "POOL_PORT", value: String(args.pool.port) },
          {
            name: "POOL_OPERATION_TIMEOUT_MS",
            value: String(args.pool.operationTimeoutSeconds * 1000),
          },
          { name: "POOL_DRAIN_TIMEOUT_S", value: String(args.pool.drainTimeoutSeconds) },
          { name: "POOL_SETTLE_S", value: String(settleSeconds) },
        ],
        ...(settings === undefined ? {} : { envFrom: [{ secretRef: { name: settings } }] }),
        lifecycle: { preStop: { sleep: { seconds: endpointPropagationSeconds } } },
        startupProbe: {
          httpGet: ready,
          periodSeconds: 1,
          failureThreshold: args.pool.readyTimeoutSeconds,
        },
        readinessProbe: { httpGet: ready, periodSeconds: 2, failureThreshold: 2 },
        // Not the readiness path: a pool that cannot reach its database is not ready, and a restart would not help.
        livenessProbe: { tcpSocket: { port: "http" }, periodSeconds: 10, failureThreshold: 3 },
        resources: {
          requests: { cpu: "50m", memory: "64Mi" },
          limits: { memory: "512Mi" },
        },
        securityContext: restrictedContainer,
        volumeMounts: [{ name: "scratch", mountPath: "/tmp" }],
      },
    ],
    volumes: [{ name: "scratch", emptyDir: {} }],
  };
}
