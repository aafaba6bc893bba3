import type { Sli } from "../../infra/rollout/evidence/slis.ts";
import type { Traffic } from "./traffic.ts";

/** What is wrong with V2, or with both sides. */
interface Fault {
  readonly sli: Sli;
  /** V2's chance of a bad request as a multiple of V1's; at most 1 as a chance. */
  readonly ratio: number;
  /** First percentage at which it shows. */
  readonly fromPercentage: number;
}

/** Failures of both sides, `ratio` times as many, in the first minutes of each hour at some percentages. */
interface Outage {
  readonly ratio: number;
  readonly minutes: number;
  readonly percentages: readonly number[];
}

/** A migration to be simulated. */
export interface Plan {
  readonly traffic: Traffic;
  /** Percentages of the stages, rising. */
  readonly percentages: readonly number[];
  /** Stay at each stage, minutes. */
  readonly stageMinutes: number;
  /** Stay at the last one, minutes; absent: the same. */
  readonly lastStageMinutes?: number;
  fault?: Fault;
  readonly outage?: Outage;
  /** Share of moved sessions whose first request on V2 is slow, 0 to 1. */
  readonly coldShare?: number;
  /** Growth of V2's memory, per cent an hour. */
  readonly leakPercentPerHour?: number;
  /** Counts requests as if each were a session, to show why the session is the unit. */
  readonly unit?: "session" | "request";
}

/** Time between two simulated evaluations, seconds. */
export const tickSeconds = 60;

/** Begin and end of a stage, seconds from the begin of the migration. */
export function spanOfStage(plan: Plan, stage: number): readonly [begin: number, end: number] {
  const { percentages, stageMinutes, lastStageMinutes = stageMinutes } = plan;
  const begin = stage * stageMinutes * 60;
  const minutes = stage === percentages.length - 1 ? lastStageMinutes : stageMinutes;
  return [begin, begin + minutes * 60];
}

/** Number of the stage at a time, seconds from the begin of the migration; it may lie before. */
export function stageAt({ percentages, stageMinutes }: Plan, seconds: number): number {
  const stage = Math.floor(Math.max(0, seconds) / (stageMinutes * 60));
  return Math.min(percentages.length - 1, stage);
}

const traffic: Traffic = {
  population: "alike",
  liveSessions: 1000,
  requestsPerMinute: 1000,
  meanLifeMinutes: 30,
};

/** The migration of the reference table: 1,000 live sessions, 1,000 requests a minute, five stages of an hour. */
export function standardPlan(changes: Partial<Traffic> = {}): Plan {
  return {
    traffic: { ...traffic, ...changes },
    percentages: [5, 10, 25, 50, 75],
    stageMinutes: 60,
  };
}
