import type { AgentReport } from "../../infra/rollout/agent-report.ts";
import { isByGuard } from "../../infra/rollout/brake.ts";
import { parseRolloutData, type RolloutRecord } from "../../infra/rollout/rollout-record.ts";
import type { Observation } from "./observations.ts";

/** A write of the ConfigMap `rollout`, as the API server told it. */
export interface RolloutWrite extends RolloutRecord {
  readonly resourceVersion: string;
  /** When the observer was told, milliseconds since 1970. */
  readonly at: number;
}

/** What a replica applies, and since when. */
interface Applied {
  readonly revision: string;
  readonly percentage: number;
  readonly engaged: boolean;
  /** When a report said so for the first time, milliseconds since 1970. */
  readonly since: number;
}

/** What the API server, the router's agents and its pods have told so far. */
export class ObservedState {
  #rollout: RolloutWrite | undefined;
  #brakeVersion: string | undefined;
  #replicas: readonly string[] = [];
  readonly #reports = new Map<string, AgentReport>();
  readonly #applied = new Map<string, Applied>();
  readonly #waiters = new Set<() => void>();
  readonly #guardEngagements = new Set<string>();

  /** Ids of all engagements by guards that were ever seen. */
  get guardEngagements(): ReadonlySet<string> {
    return this.#guardEngagements;
  }

  /** Takes what the observer told. */
  take(observation: Exclude<Observation, { type: "lines" }>): void {
    switch (observation.type) {
      case "object":
        this.#takeObject(observation);
        break;
      case "replicas":
        this.#replicas = observation.pods;
        break;
      case "report":
        this.#takeReport(observation);
        break;
    }
    for (const look of this.#waiters) look();
  }

  /** The last write of `rollout`; undefined while there is none. */
  get rollout(): RolloutWrite | undefined {
    return this.#rollout;
  }

  /** Names of the router pods that run. */
  get replicas(): readonly string[] {
    return this.#replicas;
  }

  /** Reports of all replicas that answer. */
  get reports(): readonly AgentReport[] {
    return this.#replicas.flatMap((pod) => this.#reports.get(pod) ?? []);
  }

  /** The percentage that every replica applies; undefined while they differ or one does not answer. */
  get appliedPercentage(): number | undefined {
    const percentages = new Set(this.#replicas.map((pod) => this.#applied.get(pod)?.percentage));
    return percentages.size === 1 ? [...percentages][0] : undefined;
  }

  /**
   * Since when every replica applies a percentage under the last writes of both ConfigMaps;
   * undefined while one does not.
   */
  convergedSince(percentage: number): number | undefined {
    const wanted = `r${this.#rollout?.resourceVersion ?? "0"}.${this.#brakeVersion ?? "0"}`;
    return this.#lastOf(
      (applied) => applied.revision === wanted && applied.percentage === percentage,
    );
  }

  /** Since when every replica holds the brake and applies 0 %; undefined while one does not. */
  brakedSince(): number | undefined {
    return this.#lastOf(({ engaged, percentage }) => engaged && percentage === 0);
  }

  /**
   * Waits until `look` gives something.
   * @throws Error naming `what` when the time is over
   */
  async until<T>(what: string, timeoutSeconds: number, look: () => T | undefined): Promise<T> {
    const found = look();
    if (found !== undefined) return found;
    return await new Promise((resolve, reject) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#waiters.delete(lookAgain);
      };
      const lookAgain = (): void => {
        const result = look();
        if (result === undefined) return;
        end();
        resolve(result);
      };
      const timer = setTimeout(() => {
        end();
        reject(new Error(`Waited ${timeoutSeconds} s in vain for ${what}; ${this.describe()}.`));
      }, timeoutSeconds * 1000);
      this.#waiters.add(lookAgain);
    });
  }

  /** One line about where everything stands, for messages. */
  describe(): string {
    const replicas = this.#replicas.map((pod) => {
      const report = this.#reports.get(pod);
      if (!report) return `${pod} does not answer`;
      const waiting = report.waiting === null ? "" : ` (${report.waiting})`;
      return `${pod} applies ${report.appliedPercentage} % of ${report.revision}${waiting}`;
    });
    const { stage, percentage, resourceVersion } = this.#rollout ?? {};
    const commanded = stage === undefined ? "nothing" : `${stage} = ${percentage} %`;
    const version = resourceVersion === undefined ? "" : ` (version ${resourceVersion})`;
    return `commanded is ${commanded}${version}; ${replicas.join("; ") || "no router pod runs"}`;
  }

  #takeObject(observation: Extract<Observation, { type: "object" }>): void {
    const { name, resourceVersion, data, at } = observation;
    if (name === "brake") this.#brakeVersion = resourceVersion;
    else if (resourceVersion === undefined) this.#rollout = undefined;
    else this.#rollout = { ...parseRolloutData(data), resourceVersion, at };
  }

  #takeReport({ pod, report, at }: Extract<Observation, { type: "report" }>): void {
    if (!report) {
      this.#reports.delete(pod);
      return;
    }
    this.#reports.set(pod, report);
    for (const { id } of report.brake.engagements.filter(isByGuard)) this.#guardEngagements.add(id);
    const before = this.#applied.get(pod);
    const now = {
      revision: report.revision,
      percentage: report.appliedPercentage,
      engaged: report.brake.engaged,
    };
    const same =
      before?.revision === now.revision &&
      before.percentage === now.percentage &&
      before.engaged === now.engaged;
    if (!same) this.#applied.set(pod, { ...now, since: at });
  }

  #lastOf(holds: (applied: Applied) => boolean): number | undefined {
    const since = this.#replicas.map((pod) => {
      const applied = this.#applied.get(pod);
      return applied && holds(applied) ? applied.since : undefined;
    });
    const all = since.filter((moment) => moment !== undefined);
    return all.length === since.length && all.length > 0 ? Math.max(...all) : undefined;
  }
}
