import { poolName, workloadLabels } from "../../../infra/rollout/names.ts";

const since = "2026-01-01T00:00:00Z";
const template = "6f7c9d8b54";

/**
 * A ready pod of V2 as the API server lists it, everything that the controllers, the scheduler and the kubelet write
 * included: the guard reads all of it, and its size, some six KiB, counts.
 *
 * @param number from 0
 * @param address where its metrics are served
 */
export function podObject(namespace: string, number: number, address: string) {
  const name = `${poolName("v2")}-${template}-${number.toString(36).padStart(5, "x")}`;
  const uid = uidOf(number);
  return {
    metadata: {
      name,
      namespace,
      generateName: `${poolName("v2")}-${template}-`,
      uid,
      creationTimestamp: since,
      generation: 1,
      labels: { ...workloadLabels(poolName("v2")), "pod-template-hash": template },
      annotations: {
        "prometheus.io/path": "/metrics",
        "prometheus.io/port": "9090",
        "prometheus.io/scrape": "true",
      },
      ownerReferences: [
        {
          apiVersion: "apps/v1",
          kind: "ReplicaSet",
          name: `${poolName("v2")}-${template}`,
          uid: uidOf(-1),
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
      managedFields,
    },
    spec: { ...spec, nodeName: `node-${number % 60}.example.internal` },
    status: status(number, address),
  };
}

function uidOf(number: number): string {
  return `0d5f2c4e-7a31-4b68-9c02-${(number + 1).toString(16).padStart(12, "0")}`;
}

const topologySpreadConstraints = ["topology.kubernetes.io/zone", "kubernetes.io/hostname"].map(
  (topologyKey) => ({
    maxSkew: 1,
    topologyKey,
    whenUnsatisfiable: "ScheduleAnyway",
    labelSelector: { matchLabels: { "app.kubernetes.io/name": poolName("v2") } },
    matchLabelKeys: ["pod-template-hash"],
  }),
);

const probeDefaults = { timeoutSeconds: 1, periodSeconds: 2, successThreshold: 1 };
const readiness = { httpGet: { path: "/readyz", port: "http", scheme: "HTTP" }, ...probeDefaults };
const image = "registry.example.com/pools/pool:2.0.1";

const container = {
  name: "worker",
  image,
  ports: [{ name: "http", containerPort: 8080, protocol: "TCP" }],
  envFrom: [{ secretRef: { name: "pool-v2-settings-3f8a1c22" } }],
  env: [
    { name: "POOL_VERSION", value: "v2" },
    { name: "POOL_PORT", value: "8080" },
    { name: "POOL_OPERATION_TIMEOUT_MS", value: "30000" },
    { name: "POOL_DRAIN_TIMEOUT_S", value: "30" },
    { name: "POOL_SETTLE_S", value: "5" },
    { name: "POOL_FLAGS_FILE", value: "/etc/pool/flags/flags.json" },
  ],
  resources: {
    limits: { cpu: "1", memory: "512Mi" },
    requests: { cpu: "250m", memory: "256Mi" },
  },
  volumeMounts: [
    { name: "scratch", mountPath: "/tmp" },
    { name: "flags", readOnly: true, mountPath: "/etc/pool/flags" },
  ],
  livenessProbe: { tcpSocket: { port: "http" }, ...probeDefaults, failureThreshold: 3 },
  readinessProbe: { ...readiness, failureThreshold: 2 },
  startupProbe: { ...readiness, failureThreshold: 120 },
  lifecycle: { preStop: { sleep: { seconds: 2 } } },
  terminationMessagePath: "/dev/termination-log",
  terminationMessagePolicy: "File",
  imagePullPolicy: "IfNotPresent",
  securityContext: {
    capabilities: { drop: ["ALL"] },
    readOnlyRootFilesystem: true,
    allowPrivilegeEscalation: false,
  },
};

const spec = {
  volumes: [
    { name: "scratch", emptyDir: {} },
    { name: "flags", configMap: { name: "pool-flags", defaultMode: 420 } },
  ],
  containers: [container],
  restartPolicy: "Always",
  terminationGracePeriodSeconds: 47,
  dnsPolicy: "ClusterFirst",
  serviceAccountName: poolName("v2"),
  serviceAccount: poolName("v2"),
  automountServiceAccountToken: false,
  securityContext: { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } },
  schedulerName: "default-scheduler",
  tolerations: ["not-ready", "unreachable"].map((condition) => ({
    key: `node.kubernetes.io/${condition}`,
    operator: "Exists",
    effect: "NoExecute",
    tolerationSeconds: 300,
  })),
  priority: 0,
  enableServiceLinks: true,
  preemptionPolicy: "PreemptLowerPriority",
  topologySpreadConstraints,
};

const conditionTypes = [
  "PodReadyToStartContainers",
  "Initialized",
  "Ready",
  "ContainersReady",
  "PodScheduled",
];

function status(number: number, address: string) {
  const host = `10.1.${number % 60}.10`;
  return {
    observedGeneration: 1,
    phase: "Running",
    conditions: conditionTypes.map((type) => ({
      type,
      observedGeneration: 1,
      status: "True",
      lastProbeTime: null,
      lastTransitionTime: since,
    })),
    hostIP: host,
    hostIPs: [{ ip: host }],
    podIP: address,
    podIPs: [{ ip: address }],
    startTime: since,
    containerStatuses: [
      {
        name: "worker",
        state: { running: { startedAt: since } },
        lastState: {},
        ready: true,
        restartCount: 0,
        image,
        imageID: `registry.example.com/pools/pool@sha256:${"4d1e".repeat(16)}`,
        containerID: `containerd://${number.toString(16).padStart(64, "a")}`,
        started: true,
        allocatedResources: container.resources.requests,
        resources: container.resources,
        volumeMounts: container.volumeMounts.map((mount) => ({
          ...mount,
          ...(mount.readOnly === true ? { recursiveReadOnly: "Disabled" } : {}),
        })),
        user: { linux: { uid: 1000, gid: 1000, supplementalGroups: [1000] } },
      },
    ],
    qosClass: "Burstable",
  };
}

/** Fields of an object as `managedFields` names them: `f:` and the name. */
function fields(value: unknown): object {
  if (typeof value !== "object" || value === null) return {};
  if (Array.isArray(value)) {
    return Object.fromEntries(
      value.map((item) => [`k:${JSON.stringify(keyOf(item))}`, { ".": {}, ...fields(item) }]),
    );
  }
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [`f:${name}`, fields(inner)]),
  );
}

/** What tells the item of a list from the others. */
function keyOf(item: unknown): object {
  const { name, type, ip, containerPort } = item as Record<string, unknown>;
  return { name, type, ip, containerPort };
}

const managedFields = [
  {
    manager: "kube-controller-manager",
    operation: "Update",
    apiVersion: "v1",
    time: since,
    fieldsType: "FieldsV1",
    fieldsV1: {
      "f:metadata": fields({
        annotations: {
          "prometheus.io/path": 1,
          "prometheus.io/port": 1,
          "prometheus.io/scrape": 1,
        },
        generateName: 1,
        labels: { ...workloadLabels(poolName("v2")), "pod-template-hash": 1 },
        ownerReferences: [{ name: "pool-v2" }],
      }),
      "f:spec": fields(spec),
    },
  },
  {
    manager: "kubelet",
    operation: "Update",
    apiVersion: "v1",
    time: since,
    fieldsType: "FieldsV1",
    fieldsV1: { "f:status": fields(status(0, "10.2.0.1")) },
    subresource: "status",
  },
];
