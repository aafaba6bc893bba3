import type { AgentReport } from "../../infra/rollout/agent-report.ts";
import { agentReportSchema } from "../../infra/rollout/agent-report.ts";
import { objectNames, workloadSelector } from "../../infra/rollout/names.ts";
import { KubernetesError } from "./kubernetes-error.ts";
import type { KubernetesClient } from "./kubernetes.ts";
import type { KubernetesObject } from "./kubernetes-objects.ts";
import { resources } from "./kubernetes-objects.ts";

/** A router replica and what its agent says. */
export interface Replica {
  /** Name of the pod. */
  pod: string;
  /** Address of its agent inside the cluster, for the direct brake; absent where it is not known. */
  agent?: string;
  /** The agent's report; absent when it could not be had. */
  report?: AgentReport;
  /** Why there is no report, as a part of a sentence. */
  problem?: string;
}

interface Container {
  name: string;
  ports?: { name?: string; containerPort: number }[];
  env?: {
    name: string;
    valueFrom?: { secretKeyRef?: { name: string; key: string } };
  }[];
}

interface Pod extends KubernetesObject {
  spec: { containers: Container[]; initContainers?: Container[] };
  status?: { phase?: string; podIP?: string };
}

interface Secret extends KubernetesObject {
  data?: Record<string, string>;
}

const tokenVariable = "ROUTER_AGENT_TOKEN";
const agentPortName = "agent";

/** An agent answers from memory: one that takes longer is counted as not answering, and asked again. */
const reportTimeoutMilliseconds = 2_000;

/**
 * Reads the reports of all router replicas of a namespace, through the API server's pod proxy, so that it
 * works from wherever kubectl does.
 */
export class ReplicaReader {
  private readonly client: KubernetesClient;
  private readonly namespace: string;
  private readonly tokens = new Map<string, Promise<string>>();

  constructor(client: KubernetesClient, namespace: string) {
    this.client = client;
    this.namespace = namespace;
  }

  /**
   * All replicas that run, sorted by name, those in deletion included: they serve until they are gone.
   * A replica that cannot be asked is in the list with the problem.
   *
   * @throws KubernetesError if the pods cannot be listed
   */
  async read(signal?: AbortSignal): Promise<Replica[]> {
    const labelSelector = Object.entries(workloadSelector(objectNames.router))
      .map(([key, value]) => `${key}=${value}`)
      .join(",");
    const { items } = await this.client.list<Pod>(resources.pods, this.namespace, {
      labelSelector,
      signal,
    });
    const running = items.filter((pod) => pod.status?.phase === "Running");
    const replicas = await Promise.all(running.map((pod) => this.readOne(pod, signal)));
    return replicas.sort((a, b) => a.pod.localeCompare(b.pod));
  }

  private async readOne(pod: Pod, signal: AbortSignal | undefined): Promise<Replica> {
    const { name } = pod.metadata;
    const containers = [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
    const port = containers
      .flatMap((container) => container.ports ?? [])
      .find((candidate) => candidate.name === agentPortName)?.containerPort;
    if (port === undefined) {
      return { pod: name, problem: `its pod declares no port named ${agentPortName}` };
    }
    const reference = containers
      .flatMap((container) => container.env ?? [])
      .find((variable) => variable.name === tokenVariable)?.valueFrom?.secretKeyRef;
    if (!reference)
      return { pod: name, problem: `its pod declares no secret for ${tokenVariable}` };
    const place = { pod: name, ...agentAddress(pod.status?.podIP, port) };
    try {
      const token = await this.token(reference, signal);
      const text = await this.client.podProxy(this.namespace, name, port, "/report", {
        headers: { "x-router-token": token },
        timeoutMilliseconds: reportTimeoutMilliseconds,
        signal,
      });
      const parsed = agentReportSchema.safeParse(parseJson(text));
      if (parsed.success) return { ...place, report: parsed.data };
      const issue = parsed.error.issues[0];
      return {
        ...place,
        problem: `its report is not readable (${issue?.path.join(".") ?? ""}: ${issue?.message ?? ""})`,
      };
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof KubernetesError)) throw error;
      const state = pod.metadata.deletionTimestamp ? "in deletion, " : "";
      return { ...place, problem: `${state}no report: ${error.message}` };
    }
  }

  /** A pod keeps the token it started with, so the pod's own reference counts, not the Deployment's. */
  private token(
    { name, key }: { name: string; key: string },
    signal: AbortSignal | undefined,
  ): Promise<string> {
    const known = this.tokens.get(`${name}/${key}`);
    if (known) return known;
    const reading = this.client
      .get<Secret>(resources.secrets, this.namespace, name, { signal })
      .then((secret) => Buffer.from(secret.data?.[key] ?? "", "base64").toString("utf8"));
    this.tokens.set(`${name}/${key}`, reading);
    reading.catch(() => this.tokens.delete(`${name}/${key}`));
    return reading;
  }
}

function agentAddress(podIP: string | undefined, port: number): Pick<Replica, "agent"> {
  if (podIP === undefined) return {};
  const host = podIP.includes(":") ? `[${podIP}]` : podIP;
  return { agent: `http://${host}:${String(port)}` };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
