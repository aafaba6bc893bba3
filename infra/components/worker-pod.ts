import type * as k8s from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import type { PoolConfig, SideConfig } from "../config/migration-config.ts";
import type { Side } from "../rollout/decision.ts";
import { flagsFileName, poolAdminPort, poolName, workloadLabels } from "../rollout/names.ts";
import { spreadPods } from "./pod-spread.ts";
import { restrictedContainer, restrictedPod } from "./restricted-pod.ts";

/** What a pod of workers is made of. */
export interface WorkerPodArgs extends Pick<SideConfig, "image" | "resources"> {
  readonly side: Side;
  /** What both pools share. */
  readonly pool: PoolConfig;
  /** Name of the ServiceAccount. */
  readonly account: pulumi.Input<string>;
  /** Name of the Secret with the environment of `settings`; absent where there are none. */
  readonly settingsSecret: pulumi.Input<string> | undefined;
  /** Name of the ConfigMap with the file of flags. */
  readonly flagsConfigMap: pulumi.Input<string>;
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

/** Where the pools find their flags; a directory, because only those follow a change of their ConfigMap. */
const flagsDirectory = "/etc/pool/flags";

/** Template of a pool's pods. Neither the stage nor the way by which callers come is in it: both leave pods alone. */
export function workerPodTemplate(args: WorkerPodArgs): k8s.types.input.core.v1.PodTemplateSpec {
  const name = poolName(args.side);
  return {
    metadata: {
      labels: workloadLabels(name),
      ...scrapeAnnotations(args.pool),
    },
    spec: {
      serviceAccountName: args.account,
      automountServiceAccountToken: false,
      securityContext: restrictedPod,
      topologySpreadConstraints: spreadPods(name),
      terminationGracePeriodSeconds:
        endpointPropagationSeconds +
        settleSeconds +
        args.pool.drainTimeoutSeconds +
        terminationMarginSeconds,
      containers: [workerContainer(args)],
      volumes: [
        { name: "scratch", emptyDir: {} },
        { name: "flags", configMap: { name: args.flagsConfigMap } },
      ],
    },
  };
}

/**
 * By these annotations a Prometheus of the cluster commonly finds its targets. Only the contract says that there are
 * metrics, and where.
 */
function scrapeAnnotations({ contract, metricsPath }: PoolConfig) {
  if (contract === "none") return {};
  return {
    annotations: {
      "prometheus.io/scrape": "true",
      "prometheus.io/port": String(poolAdminPort),
      "prometheus.io/path": metricsPath,
    },
  };
}

function workerContainer(args: WorkerPodArgs): k8s.types.input.core.v1.Container {
  const { pool, settingsSecret } = args;
  const ready = { path: pool.readinessPath, port: "http" };
  return {
    name: "worker",
    image: args.image,
    imagePullPolicy: "IfNotPresent",
    ports: [{ name: "http", containerPort: pool.port, protocol: "TCP" }],
    env: [
      { name: "POOL_VERSION", value: args.side },
      { name: "POOL_PORT", value: String(pool.port) },
      { name: "POOL_OPERATION_TIMEOUT_MS", value: String(pool.operationTimeoutSeconds * 1000) },
      { name: "POOL_DRAIN_TIMEOUT_S", value: String(pool.drainTimeoutSeconds) },
      { name: "POOL_SETTLE_S", value: String(settleSeconds) },
      { name: "POOL_FLAGS_FILE", value: `${flagsDirectory}/${flagsFileName}` },
    ],
    ...(settingsSecret === undefined ? {} : { envFrom: [{ secretRef: { name: settingsSecret } }] }),
    lifecycle: { preStop: { sleep: { seconds: endpointPropagationSeconds } } },
    startupProbe: {
      httpGet: ready,
      periodSeconds: 1,
      failureThreshold: pool.readyTimeoutSeconds,
    },
    readinessProbe: { httpGet: ready, periodSeconds: 2, failureThreshold: 2 },
    // Not the readiness path: a pool that cannot reach its database is not ready, and a restart would not help.
    livenessProbe: { tcpSocket: { port: "http" }, periodSeconds: 10, failureThreshold: 3 },
    resources: args.resources,
    securityContext: restrictedContainer,
    volumeMounts: [
      { name: "scratch", mountPath: "/tmp" },
      { name: "flags", mountPath: flagsDirectory, readOnly: true },
    ],
  };
}
