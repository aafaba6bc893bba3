import type { z } from "zod";
import { workloadSelector } from "../../infra/rollout/names.ts";
import { KubernetesError } from "./kubernetes-error.ts";
import type { KubernetesClient } from "./kubernetes.ts";
import type { KubernetesObject } from "./kubernetes-objects.ts";
import { resources } from "./kubernetes-objects.ts";

/** A pod and what it says of itself. */
export interface PodReport<Report> {
  /** Name of the pod. */
  pod: string;
  /** Address of its interface inside the cluster; absent where it is not known. */
  agent?: string;
  /** Its report; absent when it could not be had. */
  report?: Report;
  /** Why there is no report, as a part of a sentence. */
  problem?: string;
}

/** Whose reports are read, and how. */
interface Workload<Report> {
  /** Name of the workload (`app.kubernetes.io/name`). */
  readonly name: string;
  /** Name of the container port of the interface. */
  readonly portName: string;
  /** Environment variable of the container that refers to the interface's token. */
  readonly tokenVariable: string;
  readonly schema: z.ZodType<Report>;
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

/** Reports come from memory: a pod that takes longer is counted as not answering, and asked again. */
const reportTimeoutMilliseconds = 2_000;

/**
 * Reads the reports of all pods of a workload, through the API server's pod proxy, so that it works from wherever
 * kubectl does.
 */
export class PodReportReader<Report> {
  private readonly client: KubernetesClient;
  private readonly namespace: string;
  private readonly workload: Workload<Report>;
  private readonly tokens = new Map<string, Promise<string>>();

  constructor(client: KubernetesClient, namespace: string, workload: Workload<Report>) {
    this.client = client;
    this.namespace = namespace;
    this.workload = workload;
  }

  /**
   * All pods that run, sorted by name, those in deletion included: they serve until they are gone.
   * One that cannot be asked is in the list with the problem.
   *
   * @throws KubernetesError if the pods cannot be listed
   */
  async read(signal?: AbortSignal): Promise<PodReport<Report>[]> {
    const labelSelector = Object.entries(workloadSelector(this.workload.name))
      .map(([key, value]) => `${key}=${value}`)
      .join(",");
    const { items } = await this.client.list<Pod>(resources.pods, this.namespace, {
      labelSelector,
      signal,
    });
    const running = items.filter((pod) => pod.status?.phase === "Running");
    const reports = await Promise.all(running.map((pod) => this.readOne(pod, signal)));
    return reports.sort((a, b) => a.pod.localeCompare(b.pod));
  }

  private async readOne(pod: Pod, signal: AbortSignal | undefined): Promise<PodReport<Report>> {
    const { name } = pod.metadata;
    const { portName, tokenVariable, schema } = this.workload;
    const containers = [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
    const port = containers
      .flatMap((container) => container.ports ?? [])
      .find((candidate) => candidate.name === portName)?.containerPort;
    if (port === undefined) {
      return { pod: name, problem: `its pod declares no port named ${portName}` };
    }
    const reference = containers
      .flatMap((container) => container.env ?? [])
      .find((variable) => variable.name === tokenVariable)?.valueFrom?.secretKeyRef;
    if (!reference)
      return { pod: name, problem: `its pod declares no secret for ${tokenVariable}` };
    const place = { pod: name, ...interfaceAddress(pod.status?.podIP, port) };
    try {
      const token = await this.token(reference, signal);
      const text = await this.client.podProxy(this.namespace, name, port, "/report", {
        headers: { "x-router-token": token },
        timeoutMilliseconds: reportTimeoutMilliseconds,
        signal,
      });
      const parsed = schema.safeParse(parseJson(text));
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

function interfaceAddress(podIP: string | undefined, port: number): { agent?: string } {
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
