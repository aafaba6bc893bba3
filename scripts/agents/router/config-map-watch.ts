import { setTimeout as delay } from "node:timers/promises";
import type { KubernetesClient } from "../../lib/kubernetes.ts";
import { isFailure } from "../../lib/kubernetes-error.ts";
import type { ConfigMap } from "../../lib/kubernetes-objects.ts";
import { resources } from "../../lib/kubernetes-objects.ts";

/** What is known about a ConfigMap. */
export type ConfigMapObservation =
  | {
      readonly kind: "present";
      readonly resourceVersion: string;
      readonly data: Readonly<Record<string, string>>;
    }
  /** A live API server says that it does not exist. */
  | { readonly kind: "absent" };

/** How often and how long the API server is asked. Milliseconds. */
export interface WatchTimes {
  /** Between two reads that check the watch. Default 3,000. */
  readonly probeInterval?: number;
  /** Longest wait for the answer to a read. Default 2,000. */
  readonly answerLimit?: number;
  /** First and longest pause before the watch is opened again; doubled each time. Default 100 and 2,000. */
  readonly firstBackoff?: number;
  readonly longestBackoff?: number;
}

/** Stands for the version of an object that does not exist. */
const absentVersion = "absent";

/** The watch is opened anew after this, so that a stuck one cannot last. */
const watchSeconds = 300;

/**
 * Follows one ConfigMap by name. The watch brings changes at once; a read every few seconds, on a connection of its
 * own, notices a dead watch, a dead server and anything the watch missed. No answer and a refusal change nothing: the
 * last observation stays.
 */
export class ConfigMapWatch {
  private readonly client: KubernetesClient;
  private readonly namespace: string;
  private readonly name: string;
  private readonly onObservation: (observation: ConfigMapObservation) => void;
  private readonly onProblem: (problem: string) => void;
  private readonly times: Required<WatchTimes>;
  private readonly stopping = new AbortController();
  private watching = new AbortController();
  private observations = 0;
  private newest: string | undefined;
  private contactTime: number | undefined;
  private problem: string | undefined;

  constructor(options: {
    client: KubernetesClient;
    namespace: string;
    name: string;
    onObservation: (observation: ConfigMapObservation) => void;
    /** Told once for each new reason for which the API server cannot be used, and with "" when it can be again. */
    onProblem: (problem: string) => void;
    times?: WatchTimes | undefined;
  }) {
    this.client = options.client;
    this.namespace = options.namespace;
    this.name = options.name;
    this.onObservation = options.onObservation;
    this.onProblem = options.onProblem;
    this.times = {
      probeInterval: 3_000,
      answerLimit: 2_000,
      firstBackoff: 100,
      longestBackoff: 2_000,
      ...options.times,
    };
  }

  /** Whether the last exchange succeeded. */
  get reachable(): boolean {
    return this.contactTime !== undefined && this.problem === undefined;
  }

  /** Time of the last successful exchange, milliseconds since 1970; undefined if there was none. */
  get lastContact(): number | undefined {
    return this.contactTime;
  }

  /** Reads the object once; resolves whether or not the server answered. */
  async read(): Promise<void> {
    const before = this.observations;
    try {
      const { answerLimit } = this.times;
      const object = await this.client.get<ConfigMap>(
        resources.configMaps,
        this.namespace,
        this.name,
        { timeoutMilliseconds: answerLimit },
      );
      this.contact();
      // A read is consistent, so it is the newest unless the watch spoke meanwhile; after a restored backup of the
      // cluster its version may even be a smaller one.
      if (before === this.observations && object.metadata.resourceVersion !== this.newest) {
        this.present(object);
      }
    } catch (error) {
      if (isFailure(error, "notFound")) {
        this.contact();
        if (before === this.observations && this.newest !== absentVersion) this.absent();
      } else {
        this.failed(error);
      }
    }
  }

  /** Follows the object until `stop`. */
  async run(): Promise<void> {
    await Promise.all([this.watchLoop(), this.probeLoop()]);
  }

  stop(): void {
    this.stopping.abort();
    this.watching.abort();
  }

  private get stopped(): boolean {
    return this.stopping.signal.aborted;
  }

  private async probeLoop(): Promise<void> {
    while (!this.stopped) {
      await this.pause(this.times.probeInterval);
      if (this.stopped) return;
      await this.read();
      // Whoever does not answer here will not deliver there either: the next watch may meet another server.
      if (this.problem !== undefined) this.watching.abort();
    }
  }

  private async watchLoop(): Promise<void> {
    let resourceVersion = this.newest === absentVersion ? undefined : this.newest;
    let backoff = this.times.firstBackoff;
    while (!this.stopped) {
      this.watching = new AbortController();
      const openedAt = Date.now();
      try {
        const events = this.client.watch<ConfigMap>(resources.configMaps, this.namespace, {
          name: this.name,
          timeoutSeconds: watchSeconds,
          signal: this.watching.signal,
          ...(resourceVersion === undefined ? {} : { resourceVersion }),
        });
        for await (const { type, object } of events) {
          this.contact();
          resourceVersion = object.metadata.resourceVersion ?? resourceVersion;
          if (type === "DELETED") this.absent();
          else if (type !== "BOOKMARK" && this.isNewer(object)) this.present(object);
        }
      } catch (error) {
        // Whatever it was (a version no longer kept among others): begin with what is there now.
        resourceVersion = undefined;
        if (isFailure(error, "expired")) this.contact();
        else this.failed(error);
      }
      if (Date.now() - openedAt > this.times.longestBackoff) backoff = this.times.firstBackoff;
      await this.pause(backoff * (0.5 + Math.random()));
      backoff = Math.min(backoff * 2, this.times.longestBackoff);
    }
  }

  private present(object: ConfigMap): void {
    const resourceVersion = object.metadata.resourceVersion ?? "0";
    this.observed(resourceVersion, { kind: "present", resourceVersion, data: object.data ?? {} });
  }

  private absent(): void {
    this.observed(absentVersion, { kind: "absent" });
  }

  private observed(version: string, observation: ConfigMapObservation): void {
    this.newest = version;
    this.observations += 1;
    this.onObservation(observation);
  }

  /** Versions of one resource grow as decimal numbers (https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions). */
  private isNewer({ metadata: { resourceVersion = "0" } }: ConfigMap): boolean {
    if (this.newest === undefined || this.newest === absentVersion) return true;
    const both = /^\d+$/.test(resourceVersion) && /^\d+$/.test(this.newest);
    return both ? BigInt(resourceVersion) > BigInt(this.newest) : resourceVersion !== this.newest;
  }

  private contact(): void {
    this.contactTime = Date.now();
    if (this.problem !== undefined) {
      this.problem = undefined;
      this.onProblem("");
    }
  }

  private failed(error: unknown): void {
    if (this.stopped) return;
    const problem = error instanceof Error ? error.message : String(error);
    if (problem === this.problem) return;
    this.problem = problem;
    this.onProblem(problem);
  }

  private async pause(milliseconds: number): Promise<void> {
    await delay(milliseconds, undefined, { signal: this.stopping.signal }).catch(() => undefined);
  }
}
