import { shareAgrees } from "../../infra/rollout/share-agreement.ts";
import type { Visit } from "./accounting.ts";

/** What is known of a stage once the walk has left it. */
export interface StageStay {
  readonly stage: string;
  /** What the ConfigMap `rollout` said. */
  readonly commandedPercent: number;
  /** What every replica said that Envoy applies; undefined while they differed. */
  readonly appliedPercent: number | undefined;
  /** Time of the `pulumi up` that entered the stage. */
  readonly upSeconds: number;
  /** From the API server's write to the last replica's report that it is applied. */
  readonly convergenceSeconds: number;
  /** resourceVersion of `rollout`, by which requests are assigned to the stay. */
  readonly resourceVersion: string;
}

/** A stage in the rehearsal's result. */
export interface StageResult extends Omit<StageStay, "resourceVersion"> {
  /** Share of distinct sessions decided for V2. */
  readonly observedSessionsPercent: number;
  /** Share of requests decided for V2; shown, not judged, because sessions are unequal. */
  readonly observedRequestsPercent: number;
  /** Distinct sessions observed. */
  readonly sessions: number;
  /** Commanded, applied and observed agree. */
  readonly agrees: boolean;
}

/** Compares the three numbers of a stage. */
export function stageResult(stay: StageStay, visit: Visit): StageResult {
  const { stage, commandedPercent, appliedPercent, upSeconds, convergenceSeconds } = stay;
  const sides = [...visit.sessions.values()];
  const sessions = { v1: 0, v2: 0 };
  for (const side of sides) sessions[side]++;
  const { v1, v2 } = visit.requests;
  const agrees = appliedPercent === commandedPercent && shareAgrees(commandedPercent, sessions);
  return {
    stage,
    commandedPercent,
    appliedPercent,
    upSeconds,
    convergenceSeconds,
    observedSessionsPercent: percent(sessions.v2, sides.length),
    observedRequestsPercent: percent(v2, v1 + v2),
    sessions: sides.length,
    agrees,
  };
}

function percent(part: number, whole: number): number {
  return whole === 0 ? 0 : Math.round((10_000 * part) / whole) / 100;
}
