import { setTimeout as delay } from "node:timers/promises";
import { agentReportSchema } from "../../infra/rollout/agent-report.ts";
import { objectNames, workloadSelector } from "../../infra/rollout/names.ts";
import { findConnection } from "../lib/kubeconfig.ts";
import { isFailure } from "../lib/kubernetes-error.ts";
import { resources, type ConfigMap, type KubernetesObject } from "../lib/kubernetes-objects.ts";
import { KubernetesClient } from "../lib/kubernetes.ts";
import { LogTail } from "./log-tail.ts";
import { observerTokenVariable, type Observation, type ObserverSettings } from "./observations.ts";

/**
 * Runs inside the cluster's network and next to its kubelet, and tells at once what the API server
 * writes, what every router's agent reports and what every router logs. It needs the API server only
 * to learn of new pods and new writes.
 */

interface RouterPod extends KubernetesObject {
  status?: { phase?: string; podIP?: string };
}

interface Replica {
  readonly name: string;
  readonly address: string;
}

const agentPort = 9090;
/** Agents are asked this often while one of them is behind the last write, in milliseconds. */
const hurriedMs = 80;
const calmMs = 500;
const listMs = 1000;
const tailMs = 200;
const reportTimeoutMs = 1500;

const settings = JSON.parse(process.argv[2] ?? "") as ObserverSettings;
const client = new KubernetesClient(await findConnection({}));
const tails = new Map<string, LogTail>();
const versions: { rollout?: string | undefined; brake?: string | undefined } = {};
const applied = new Map<string, string>();
let replicas: readonly Replica[] = [];

function emit(observation: Observation): void {
  process.stdout.write(`${JSON.stringify(observation)}\n`);
}

/** Tells every write of a ConfigMap, also after the API server was away. */
async function watchObject(name: "rollout" | "brake"): Promise<never> {
  for (;;) {
    try {
      const present = await client
        .get<ConfigMap>(resources.configMaps, settings.namespace, name)
        .catch((error: unknown) => {
          if (isFailure(error, "notFound")) return undefined;
          throw error;
        });
      tell(name, present);
      const options =
        present?.metadata.resourceVersion === undefined
          ? { name }
          : { name, resourceVersion: present.metadata.resourceVersion };
      for await (const event of client.watch<ConfigMap>(
        resources.configMaps,
        settings.namespace,
        options,
      )) {
        if (event.type === "DELETED") tell(name, undefined);
        else if (event.type !== "BOOKMARK") tell(name, event.object);
      }
    } catch {
      await delay(hurriedMs);
    }
  }
}

function tell(name: "rollout" | "brake", object: ConfigMap | undefined): void {
  const at = Date.now();
  const resourceVersion = object?.metadata.resourceVersion;
  if (name in versions && versions[name] === resourceVersion) return;
  versions[name] = resourceVersion;
  emit({ type: "object", at, name, resourceVersion, data: object?.data ?? {} });
}

/** Keeps the list of router pods and a reader for the log of each. */
async function followPods(): Promise<never> {
  const labelSelector = Object.entries(workloadSelector(objectNames.router))
    .map(([key, value]) => `${key}=${value}`)
    .join(",");
  for (let told = ""; ; await delay(listMs)) {
    // While the API server is away, the pods are those of before.
    const pods = await client
      .list<RouterPod>(resources.pods, settings.namespace, { labelSelector })
      .catch(() => undefined);
    if (!pods) continue;
    for (const { metadata } of pods.items) {
      if (metadata.uid === undefined || tails.has(metadata.name)) continue;
      const volume = `volumes/kubernetes.io~empty-dir/state/log`;
      const directory = `/var/lib/kubelet/pods/${metadata.uid}/${volume}`;
      tails.set(metadata.name, new LogTail(directory, "decisions.json"));
    }
    replicas = pods.items.flatMap(({ metadata, status }) =>
      status?.phase === "Running" && status.podIP && !metadata.deletionTimestamp
        ? [{ name: metadata.name, address: status.podIP }]
        : [],
    );
    const names = replicas.map(({ name }) => name).sort();
    if (names.join() !== told) emit({ type: "replicas", at: Date.now(), pods: names });
    told = names.join();
  }
}

/** Asks all agents, often while one of them has not applied the last write. */
async function pollAgents(): Promise<never> {
  for (;;) {
    await Promise.all(replicas.map(pollAgent));
    const wanted = `r${versions.rollout ?? "0"}.${versions.brake ?? "0"}`;
    const behind = replicas.some(({ name }) => applied.get(name) !== wanted);
    await delay(behind || replicas.length === 0 ? hurriedMs : calmMs);
  }
}

async function pollAgent({ name, address }: Replica): Promise<void> {
  try {
    const response = await fetch(`http://${address}:${agentPort}/report`, {
      headers: { authorization: `Bearer ${process.env[observerTokenVariable] ?? ""}` },
      signal: AbortSignal.timeout(reportTimeoutMs),
    });
    const report = agentReportSchema.parse(await response.json());
    applied.set(name, report.revision);
    emit({ type: "report", at: Date.now(), pod: name, report });
  } catch {
    applied.delete(name);
    emit({ type: "report", at: Date.now(), pod: name });
  }
}

async function followLogs(): Promise<never> {
  for (;;) {
    for (const [pod, tail] of tails) {
      const lines = tail.read();
      if (lines.length > 0) emit({ type: "lines", pod, lines });
    }
    await delay(tailMs);
  }
}

// Whoever started the observer is gone when standard input ends.
process.stdin.on("end", () => process.exit(0)).resume();
await Promise.all([
  watchObject("rollout"),
  watchObject("brake"),
  followPods(),
  pollAgents(),
  followLogs(),
]);
