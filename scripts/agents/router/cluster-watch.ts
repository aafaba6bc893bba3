import { setTimeout as delay } from "node:timers/promises";
import type { AgentReport } from "../../../infra/rollout/agent-report.ts";
import { objectNames } from "../../../infra/rollout/names.ts";
import type { ClusterConnection } from "../../lib/cluster-connection.ts";
import { KubernetesClient } from "../../lib/kubernetes.ts";
import type { ConfigMapObservation } from "./config-map-watch.ts";
import { ConfigMapWatch } from "./config-map-watch.ts";

/** Pause between two attempts to find the pod's credentials. Milliseconds. */
const connectPause = 1_000;

/** Who is told what the cluster says. */
export interface ClusterWatchOptions {
  readonly connect: () => Promise<ClusterConnection>;
  readonly namespace: string;
  readonly onRollout: (observation: ConfigMapObservation) => void;
  readonly onBrake: (observation: ConfigMapObservation) => void;
  /** Told each new reason for which the API server cannot be used, and "" when it can be again. */
  readonly onProblem: (problem: string) => void;
}

/** Follows the ConfigMaps `rollout` and `brake`. */
export class ClusterWatch {
  private readonly options: ClusterWatchOptions;
  private readonly startTime = Date.now();
  private readonly stopping = new AbortController();
  private client: KubernetesClient | undefined;
  private watches: readonly ConfigMapWatch[] = [];

  constructor(options: ClusterWatchOptions) {
    this.options = options;
  }

  /** Reads both objects once; resolves whether or not the API server answered, within a few seconds. */
  async read(): Promise<void> {
    try {
      await this.connect();
    } catch (error) {
      this.options.onProblem((error as Error).message);
      return;
    }
    await Promise.all(this.watches.map((watch) => watch.read()));
  }

  /** Follows both objects until `stop`. */
  async run(): Promise<void> {
    const { signal } = this.stopping;
    while (this.watches.length === 0) {
      await this.connect().catch((error: Error) => this.options.onProblem(error.message));
      if (this.watches.length > 0) break;
      await delay(connectPause, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
    }
    await Promise.all(this.watches.map((watch) => watch.run()));
  }

  stop(): void {
    this.stopping.abort();
    for (const watch of this.watches) watch.stop();
    this.client?.close();
  }

  /** Contact to the API server; both objects have to be readable. */
  get report(): AgentReport["apiServer"] {
    const contacts = this.watches.map(({ lastContact }) => lastContact ?? this.startTime);
    const oldest = Math.min(...contacts, ...(contacts.length === 0 ? [this.startTime] : []));
    return {
      reachable: this.watches.length > 0 && this.watches.every(({ reachable }) => reachable),
      secondsSinceContact: Math.max(0, Date.now() - oldest) / 1000,
    };
  }

  private async connect(): Promise<void> {
    if (this.watches.length > 0) return;
    const { connect, namespace, onRollout, onBrake, onProblem } = this.options;
    const client = new KubernetesClient(await connect());
    this.client = client;
    this.watches = [
      { name: objectNames.rollout, onObservation: onRollout },
      { name: objectNames.brake, onObservation: onBrake },
    ].map((target) => new ConfigMapWatch({ client, namespace, onProblem, ...target }));
  }
}
