import { standardPlan } from "./plan.ts";
import type { Plan } from "./plan.ts";
import type { Population } from "./traffic.ts";

/** Migrations of one kind. */
export interface Case {
  readonly name: string;
  /** What the result counts for. */
  readonly group: "healthy" | "power" | "sharedOutage" | "other";
  /** Share of the number of healthy migrations that is simulated. */
  readonly share: number;
  readonly plan: Plan;
  /** Percentage at which the first attempt is rolled back, released and repaired; the repaired one counts. */
  readonly repaired?: true;
}

const unequal: readonly Population[] = ["unequal", "lognormal", "tenants"];
const few = { liveSessions: 200, requestsPerMinute: 200 };

const power = (
  population: Population,
  sli: "failed" | "slow" | "wrong" | "stuck",
  ratio: number,
  changes: { liveSessions?: number; requestsPerMinute?: number } = {},
): Case => {
  const plan = standardPlan({ population, ...changes });
  return {
    name: `${sli} x${String(ratio)}, ${population}, ${String(plan.traffic.liveSessions)} sessions`,
    group: "power",
    share: 0.05,
    plan: { ...plan, fault: { sli, ratio, fromPercentage: 5 } },
  };
};

/** Everything that is simulated migration by migration, in the order of the report. */
export const cases: readonly Case[] = [
  ...unequal.map((population) => ({
    name: `healthy, ${population}`,
    group: "healthy" as const,
    share: 1 / 3,
    plan: standardPlan({ population }),
  })),
  {
    name: "healthy, alike",
    group: "other",
    share: 0.2,
    plan: standardPlan(),
  },
  ...[2, 3, 5, 10, 40, 200].map((ratio) => power("alike", "failed", ratio)),
  ...[3, 5, 10].map((ratio) => power("unequal", "failed", ratio)),
  ...[3, 5, 10].map((ratio) => power("lognormal", "failed", ratio)),
  ...[3, 5].map((ratio) => power("alike", "failed", ratio, few)),
  power("alike", "slow", 3),
  power("alike", "wrong", 5),
  power("alike", "stuck", 30),
  {
    name: "outages of both sides at p5, p25 and p50",
    group: "sharedOutage",
    share: 0.25,
    plan: {
      ...standardPlan({ population: "unequal" }),
      outage: { ratio: 20, minutes: 5, percentages: [5, 25, 50] },
    },
  },
  {
    name: "outages of both sides, sessions alike",
    group: "other",
    share: 0.1,
    plan: {
      ...standardPlan(),
      outage: { ratio: 20, minutes: 5, percentages: [5, 25, 50] },
    },
  },
  {
    name: "healthy, moved sessions start cold",
    group: "other",
    share: 0.1,
    plan: { ...standardPlan({ population: "lognormal" }), coldShare: 0.9 },
  },
  {
    name: "healthy, lowered and raised again",
    group: "other",
    share: 0.1,
    plan: {
      ...standardPlan({ population: "tenants" }),
      percentages: [5, 25, 75, 10, 50, 25],
    },
  },
  {
    name: "healthy, repaired after a release",
    group: "other",
    share: 0.1,
    repaired: true,
    plan: {
      ...standardPlan({ population: "unequal" }),
      fault: { sli: "failed", ratio: 10, fromPercentage: 5 },
    },
  },
  {
    name: "healthy, 10 % worse (within the tolerated ratio)",
    group: "other",
    share: 0.1,
    plan: {
      ...standardPlan({ population: "unequal" }),
      fault: { sli: "failed", ratio: 1.1, fromPercentage: 5 },
    },
  },
  {
    name: "healthy, each request taken for a session",
    group: "other",
    share: 0.05,
    plan: { ...standardPlan({ population: "lognormal" }), unit: "request" },
  },
  {
    name: "healthy, tenants, a day at 100 %",
    group: "other",
    share: 0.025,
    plan: {
      ...standardPlan({ population: "tenants" }),
      percentages: [5, 10, 25, 50, 75, 100],
      lastStageMinutes: 24 * 60,
    },
  },
  {
    name: "defect from 50 %, x5, alike",
    group: "other",
    share: 0.1,
    plan: { ...standardPlan(), fault: { sli: "failed", ratio: 5, fromPercentage: 50 } },
  },
  {
    name: "leak of 60 % an hour",
    group: "other",
    share: 0.05,
    plan: { ...standardPlan(), leakPercentPerHour: 60 },
  },
];
