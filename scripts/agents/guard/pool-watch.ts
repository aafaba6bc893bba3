import * as http from "node:http";
import { isIP } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import type { PoolFigures } from "../../../infra/rollout/evidence/row.ts";
import type { GuardPodSettings } from "../../../infra/rollout/guard-settings.ts";
import { poolName, workloadSelector } from "../../../infra/rollout/names.ts";
import type { KubernetesClient } from "../../lib/kubernetes.ts";
import type { KubernetesObject } from "../../lib/kubernetes-objects.ts";
import { resources } from "../../lib/kubernetes-objects.ts";
import type { PodReading, PodState } from "./pod-memory.ts";
import { FigureAccount } from "./pool-figures.ts";
import { readPodMetrics } from "./pool-metrics.ts";

/** Longest wait for an answer of the API server or of a pod, milliseconds. */
const patience = 2_000;

/** Longest metrics of a pod, bytes. */
const metricsLimit = 2 * 1024 * 1024;

/** Pods that are read at the same time. */
const atOnce = 50;

/** Characters of what is wrong with a pod's answer: it may quote a long line. */
const problemLength = 200;

/** Label that the Deployment's controller gives the pods of one template. */
const templateLabel = "pod-template-hash";

interface Pod extends KubernetesObject {
  status?: {
    phase?: string;
    podIP?: string;
    conditions?: { type: string; status: string }[];
    containerStatuses?: { restartCount?: number }[];
  };
}

/** A pod, and where it is. */
interface ListedPod extends PodState {
  readonly address: string | undefined;
}

/** Reads again and again which pods V2 has, and what their metrics say. */
export class PoolWatch {
  private readonly options: {
    /** Client of the API server; undefined while there are no credentials. */
    readonly client: () => KubernetesClient | undefined;
    readonly namespace: string;
    readonly v2: GuardPodSettings["v2"];
    /** Between two readings. */
    readonly figuresMilliseconds: number;
  };
  private readonly account: FigureAccount;
  private readonly stopping = new AbortController();
  // A pod commonly closes an idle connection after five seconds, which is when the next request would come.
  private readonly connections = new http.Agent({ keepAlive: false });
  private builds: string | undefined;
  private wasListed = false;
  private lastProblem: string | null = null;

  constructor(options: PoolWatch["options"]) {
    this.options = options;
    this.account = new FigureAccount(options.v2);
  }

  /** V2's figures; null before any pod was read. */
  get figures(): PoolFigures | null {
    return this.account.figures;
  }

  /** Whether V2's pods were ever listed. */
  get listed(): boolean {
    return this.wasListed;
  }

  /** Builds of the pods that serve, joined; those known last while none does, undefined before any did. */
  get build(): string | undefined {
    return this.builds;
  }

  /** What kept the last reading from being complete; null where nothing did. */
  get problem(): string | null {
    return this.lastProblem;
  }

  /** Reads until `stop`. */
  async run(): Promise<void> {
    const { signal } = this.stopping;
    const interval = this.options.figuresMilliseconds;
    while (!signal.aborted) {
      const begun = performance.now();
      await this.read();
      const left = interval - (performance.now() - begun);
      await delay(Math.max(0, left), undefined, { signal }).catch(() => undefined);
    }
  }

  stop(): void {
    this.stopping.abort();
    this.connections.destroy();
  }

  /** Reads once; what goes wrong is the `problem`. */
  async read(): Promise<void> {
    const problems: string[] = [];
    try {
      await this.readAll(await this.list(), problems);
    } catch (error) {
      problems.push(error instanceof Error ? error.message : String(error));
    }
    const [first = null, ...others] = problems;
    const more = others.length === 0 ? "" : `; so it is with ${others.length} more`;
    this.lastProblem = first === null ? null : first + more;
  }

  private async list(): Promise<ListedPod[]> {
    const client = this.options.client();
    if (client === undefined) throw new Error("there are no credentials for the API server");
    const labelSelector = Object.entries(workloadSelector(poolName("v2")))
      .map(([key, value]) => `${key}=${value}`)
      .join(",");
    const { namespace } = this.options;
    const { signal } = this.stopping;
    const limits = { labelSelector, signal, timeoutMilliseconds: patience };
    const { items } = await client.list<Pod>(resources.pods, namespace, limits);
    return items.map(({ metadata, status = {} }) => ({
      uid: metadata.uid ?? metadata.name,
      build: metadata.labels?.[templateLabel],
      ready: status.conditions?.some(isReady) ?? false,
      deleted: metadata.deletionTimestamp !== undefined,
      ended: status.phase === "Failed" || status.phase === "Succeeded",
      restarts: (status.containerStatuses ?? []).reduce(
        (sum, { restartCount = 0 }) => sum + restartCount,
        0,
      ),
      address: status.podIP,
    }));
  }

  private async readAll(pods: readonly ListedPod[], problems: string[]): Promise<void> {
    this.wasListed = true;
    const serving = pods.filter(({ ready, deleted }) => ready && !deleted);
    const builds = new Set(serving.flatMap(({ build }) => build ?? []));
    if (builds.size > 0) this.builds = [...builds].sort().join("+");
    const readings: PodReading[] = [];
    const waiting = pods.values();
    const readOn = async () => {
      for (const pod of waiting) {
        if (this.stopping.signal.aborted) return;
        readings.push({ ...pod, answer: await this.answerOf(pod, problems) });
      }
    };
    await Promise.all(Array.from({ length: atOnce }, readOn));
    if (!this.stopping.signal.aborted) this.account.take(readings, Date.now());
  }

  private async answerOf(
    { ready, address }: ListedPod,
    problems: string[],
  ): Promise<PodReading["answer"]> {
    const { metrics } = this.options.v2;
    if (metrics === null || !ready || address === undefined) return undefined;
    const host = isIP(address) === 6 ? `[${address}]` : address;
    const url = `http://${host}:${metrics.port}${metrics.path}`;
    try {
      const text = await this.text(url);
      return { at: Date.now(), metrics: readPodMetrics(text) };
    } catch (error) {
      problems.push(`${url}: ${(error as Error).message.slice(0, problemLength)}`);
      return undefined;
    }
  }

  private text(url: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const signal = AbortSignal.timeout(patience);
      const request = http.get(url, { agent: this.connections, signal }, (response) => {
        readText(response).then(resolve, reject);
      });
      request.on("error", reject);
    });
  }
}

function isReady({ type, status }: { type: string; status: string }): boolean {
  return type === "Ready" && status === "True";
}

async function readText(response: http.IncomingMessage): Promise<string> {
  if (response.statusCode !== 200) {
    response.destroy();
    throw new Error(`status ${String(response.statusCode)}`);
  }
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > metricsLimit) throw new Error(`more than ${metricsLimit} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
