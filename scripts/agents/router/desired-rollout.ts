import type { AgentReport } from "../../../infra/rollout/agent-report.ts";
import type { Engagement } from "../../../infra/rollout/brake.ts";
import { isReleased, observeBrake } from "../../../infra/rollout/brake.ts";
import { effectivePercentage } from "../../../infra/rollout/percentage.ts";
import type { RolloutHeader, RolloutRecord } from "../../../infra/rollout/rollout-record.ts";
import { formatRevision, parseRolloutData } from "../../../infra/rollout/rollout-record.ts";
import type { Topology } from "../../../infra/rollout/route-table.ts";
import { topologyOfStage } from "../../../infra/rollout/route-table.ts";
import { baselineStage } from "../../../infra/rollout/stages.ts";
import type { AgentState } from "./agent-state.ts";
import type { ConfigMapObservation } from "./config-map-watch.ts";

/** What Envoy should do. */
export interface Target extends RolloutHeader {
  readonly topology: Topology;
}

/** What the agent remembers of both ConfigMaps. */
export type RememberedRollout = Pick<AgentState, "held" | "brake" | "rollout">;

/** Until anything is known, V1 serves alone. */
const nothingKnown: RolloutRecord = { stage: baselineStage, percentage: 0 };

/** What the ConfigMaps `rollout` and `brake` ask for. What cannot be used leaves the last usable content in force. */
export class DesiredRollout {
  private engagements: readonly Engagement[];
  private brake: RememberedRollout["brake"];
  private rollout: RememberedRollout["rollout"];
  private seenRolloutVersion: string | undefined;
  private rolloutProblem: string | undefined;

  constructor({ held, brake, rollout }: RememberedRollout) {
    this.engagements = held;
    this.brake = brake;
    this.rollout = rollout;
    this.seenRolloutVersion = rollout?.resourceVersion;
    if (rollout === undefined) this.rolloutProblem = "the ConfigMap rollout was not read yet";
  }

  /** Takes what was observed of the ConfigMap `rollout`. */
  observeRollout(observation: ConfigMapObservation): void {
    if (observation.kind === "absent") {
      this.seenRolloutVersion = undefined;
      this.rolloutProblem = "the ConfigMap rollout does not exist; pulumi up creates it";
      return;
    }
    const { resourceVersion, data } = observation;
    this.seenRolloutVersion = resourceVersion;
    try {
      this.rollout = { resourceVersion, ...parseRolloutData(data) };
      this.rolloutProblem = undefined;
    } catch (error) {
      this.rolloutProblem = (error as Error).message.replace(/\.$/, "");
    }
  }

  /**
   * Takes what was observed of the ConfigMap `brake`.
   *
   * @returns whether the engagements that are held changed
   */
  observeBrake(observation: ConfigMapObservation): boolean {
    const before = JSON.stringify(this.engagements);
    this.engagements = observeBrake(this.engagements, observation);
    this.brake =
      observation.kind === "present"
        ? { resourceVersion: observation.resourceVersion, data: { ...observation.data } }
        : undefined;
    return JSON.stringify(this.engagements) !== before;
  }

  /**
   * Engages without the ConfigMap. An id that is held already stays as it is.
   *
   * @returns whether it is held now for the first time, was held before, or was released by name
   */
  engage(engagement: Engagement): "engaged" | "held" | "released" {
    if (this.engagements.some(({ id }) => id === engagement.id)) return "held";
    if (isReleased(this.brake?.data ?? {}, engagement.id)) return "released";
    const all = [...this.engagements, engagement];
    this.engagements = all.sort((a, b) => (a.id < b.id ? -1 : 1));
    return "engaged";
  }

  /** What Envoy should do now. */
  get target(): Target {
    const record = this.rollout ?? nothingKnown;
    return {
      revision: formatRevision(this.rollout?.resourceVersion, this.brake?.resourceVersion),
      percentage: effectivePercentage(record, this.engagements.length > 0),
      topology: topologyOfStage(record.stage),
    };
  }

  /** What the ConfigMap says, with the revision that was last seen, usable or not. */
  get commanded(): AgentReport["commanded"] {
    const { stage, percentage } = this.rollout ?? nothingKnown;
    const revision = formatRevision(this.seenRolloutVersion, this.brake?.resourceVersion);
    return { revision, stage, percentage };
  }

  /** Engagements held. */
  get brakeReport(): AgentReport["brake"] {
    return { engaged: this.engagements.length > 0, engagements: [...this.engagements] };
  }

  /** Why the content of `rollout` is not in force; undefined when it is. */
  get problem(): string | undefined {
    if (this.rolloutProblem === undefined) return undefined;
    const { stage, percentage } = this.rollout ?? nothingKnown;
    return `${this.rolloutProblem}; stage ${stage} with ${percentage} % stays in force`;
  }

  /** What must be remembered over a restart. */
  get remembered(): RememberedRollout {
    return { held: [...this.engagements], brake: this.brake, rollout: this.rollout };
  }
}
