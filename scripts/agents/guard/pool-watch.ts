import * as http from "node:http";
import { isIP } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "pino";
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

/** Pods that are listed at once: each is some ten KiB of JSON, all those of a large pool took 40 MiB (measured). */
const listedAtOnce = 100;

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
    readonly log: Logger;
  };
  private readonly account: FigureAccount;
  private readonly stopping = new AbortController();
  // A pod commonly closes an idle connection after five seconds, which is when the next request would come.
  private readonly connections = new http.Agent({ keepAlive: false });
  private builds: readonly string[] = [];
  private wasListed = false;
  /** What kept the last reading from being complete; empty where nothing did. */
  private problem = "";

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

  /**
   * Builds of the pods that serve or have served, joined, as long as such a pod is there: one that falls out of service
   * and comes back is no change. Those known last while there is none, undefined before any served.
   */
  get build(): string | undefined {
    return this.builds.length === 0 ? undefined : this.builds.join("+");
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

  /** Reads once; what goes wrong is logged, once as long as it stays the same. */
  async read(): Promise<void> {
    const problems: string[] = [];
    try {
      await this.readAll(await this.list(), problems);
    } catch (error) {
      problems.push(error instanceof Error ? error.message : String(error));
    }
    // In order, because pods answer in any: else the same problem would look like another one.
    const [first = "", ...others] = problems.sort();
    const more = others.length === 0 ? "" : `; so it is with ${others.length} more`;
    this.follow(first + more);
  }

  private follow(problem: string): void {
    if (problem === this.problem || this.stopping.signal.aborted) return;
    this.problem = problem;
    const { log } = this.options;
    if (problem === "") log.info("V2's pods and their metrics are read again");
    else log.warn({ problem }, "V2's pods or their metrics cannot all be read");
  }

  private async list(): Promise<ListedPod[]> {
    const client = this.options.client();
    if (client === undefined) throw new Error("there are no credentials for the API server");
    const labelSelector = Object.entries(workloadSelector(poolName("v2")))
      .map(([key, value]) => `${key}=${value}`)
      .join(",");
    const { namespace } = this.options;
    const { signal } = this.stopping;
    const limits = { labelSelector, signal, timeoutMilliseconds: patience, limit: listedAtOnce };
    const listed: ListedPod[] = [];
    for await (const page of client.listPages<Pod>(resources.pods, namespace, limits)) {
      listed.push(...page.map(listedPod));
    }
    return listed;
  }

  private async readAll(pods: readonly ListedPod[], problems: string[]): Promise<void> {
    this.wasListed = true;
    this.followBuilds(pods);
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

  private followBuilds(pods: readonly ListedPod[]): void {
    const there = pods.filter(({ deleted }) => !deleted);
    const known = there.filter(({ build }) => build !== undefined && this.builds.includes(build));
    const serving = there.filter(({ ready }) => ready);
    const builds = new Set([...known, ...serving].flatMap(({ build }) => build ?? []));
    if (builds.size > 0) this.builds = [...builds].sort();
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

function listedPod({ metadata, status = {} }: Pod): ListedPod {
  return {
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
  };
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
