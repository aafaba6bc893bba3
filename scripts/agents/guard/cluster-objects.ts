import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "pino";
import { objectNames } from "../../../infra/rollout/names.ts";
import type { RolloutRecord } from "../../../infra/rollout/rollout-record.ts";
import { formatRevision, parseRolloutData } from "../../../infra/rollout/rollout-record.ts";
import type { ClusterConnection } from "../../lib/cluster-connection.ts";
import { isFailure } from "../../lib/kubernetes-error.ts";
import { KubernetesClient } from "../../lib/kubernetes.ts";
import type { ConfigMap } from "../../lib/kubernetes-objects.ts";
import { resources } from "../../lib/kubernetes-objects.ts";
import { Leadership } from "./leadership.ts";

/** Longest wait for the API server, milliseconds. */
const patience = 1_500;

/** What the ConfigMap `rollout` says. */
export interface DeclaredRollout extends RolloutRecord {
  /** Revision of the object alone. */
  readonly revision: string;
  /** Who wrote it last, as the API server's field managers tell; `unknown` where they do not. */
  readonly manager: string;
}

interface ManagedConfigMap extends ConfigMap {
  metadata: ConfigMap["metadata"] & {
    managedFields?: { manager?: string; time?: string }[];
  };
}

/** What a guard follows in the cluster: the Lease, and the ConfigMaps `rollout` and `brake`, by reading them again and again. */
export class ClusterObjects {
  private readonly options: {
    readonly connect: () => Promise<ClusterConnection>;
    readonly namespace: string;
    readonly pod: string;
    /** Between two looks. */
    readonly milliseconds: number;
    readonly log: Logger;
  };
  private readonly stopping = new AbortController();
  private connected: KubernetesClient | undefined;
  private lease: Leadership | undefined;
  private declared: DeclaredRollout | undefined;
  private brake: Readonly<Record<string, string>> | undefined;
  /** Why the API server cannot be used; empty while it can. */
  private problem = "";

  constructor(options: ClusterObjects["options"]) {
    this.options = options;
  }

  /** Client of the API server; undefined while there are no credentials. */
  readonly client = (): KubernetesClient | undefined => this.connected;

  /** The Lease; undefined while there are no credentials. */
  get leadership(): Leadership | undefined {
    return this.lease;
  }

  /** What the stack declares; undefined while that could not be read. */
  get rollout(): DeclaredRollout | undefined {
    return this.declared;
  }

  /** Content of the ConfigMap `brake` when it was read last; undefined where it does not exist or was not read. */
  get brakeData(): Readonly<Record<string, string>> | undefined {
    return this.brake;
  }

  /** Looks again and again until `stop`. */
  async run(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      try {
        await this.look();
        if (this.problem !== "") this.options.log.info("the API server answers again");
        this.problem = "";
      } catch (error) {
        const problem = error instanceof Error ? error.message : String(error);
        if (problem !== this.problem && !signal.aborted) {
          this.options.log.warn({ problem }, "the API server cannot be used; the last state stays");
        }
        this.problem = problem;
      }
      await delay(this.options.milliseconds, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Gives the Lease back and ends. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.lease?.release();
    this.connected?.close();
  }

  private async look(): Promise<void> {
    const { connect, namespace, pod } = this.options;
    if (this.connected === undefined) {
      const client = new KubernetesClient(await connect());
      this.connected = client;
      this.lease = new Leadership({ client, namespace, identity: pod });
    }
    const results = await Promise.allSettled([
      this.lease?.step(),
      this.readRollout(this.connected),
      this.readBrake(this.connected),
    ]);
    for (const result of results) if (result.status === "rejected") throw result.reason;
  }

  private async readRollout(client: KubernetesClient): Promise<void> {
    const object = await this.read(client, objectNames.rollout);
    if (object === undefined) return;
    const record = parseRolloutData(object.data);
    const { resourceVersion, managedFields = [] } = object.metadata;
    const newest = managedFields.toSorted((a, b) => ((a.time ?? "") < (b.time ?? "") ? -1 : 1));
    const manager = newest.at(-1)?.manager ?? "unknown";
    this.declared = { ...record, revision: formatRevision(resourceVersion, undefined), manager };
  }

  private async readBrake(client: KubernetesClient): Promise<void> {
    const object = await this.read(client, objectNames.brake);
    this.brake = object === undefined ? undefined : (object.data ?? {});
  }

  private async read(
    client: KubernetesClient,
    name: string,
  ): Promise<ManagedConfigMap | undefined> {
    const options = { timeoutMilliseconds: patience };
    try {
      const { namespace } = this.options;
      return await client.get<ManagedConfigMap>(resources.configMaps, namespace, name, options);
    } catch (error) {
      if (isFailure(error, "notFound")) return undefined;
      throw error;
    }
  }
}
