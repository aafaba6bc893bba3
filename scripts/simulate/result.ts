import type { Case } from "./cases.ts";
import { upperBound } from "./interval.ts";
import type { CaseResult } from "./run-case.ts";
import type { ScenarioResult } from "./scenarios.ts";

/** A row of the power table. */
interface PowerRow {
  /** SLI that is worse on V2. */
  readonly fault: string;
  /** How many times as often. */
  readonly ratio: number;
  /** Sessions that live at one time; as many requests a minute. */
  readonly sessions: number;
  readonly population: string;
  readonly migrations: number;
  /** Share that was rolled back by the end of 75 %, 0 to 1. */
  readonly caught: number;
  readonly medianMinutes: number | null;
}

/** A number that the simulation has to keep. */
interface Goal {
  readonly goal: string;
  readonly measured: string;
  readonly met: boolean;
}

/** Result of all simulations, as written to out/simulation.json. */
export interface SimulationResult {
  readonly seed: number;
  readonly healthy: { migrations: number; rollbacks: number; upperBound: number };
  readonly power: readonly PowerRow[];
  readonly sharedOutage: { migrations: number; rollbacks: number };
  readonly cases: readonly CaseResult[];
  readonly scenarios: readonly ScenarioResult[];
  readonly goals: readonly Goal[];
}

/** Sums up. */
export function simulationResult(
  seed: number,
  done: readonly { readonly one: Case; readonly result: CaseResult }[],
  scenarios: readonly ScenarioResult[],
): SimulationResult {
  const totals = (group: Case["group"]) => {
    const all = done.filter(({ one }) => one.group === group).map(({ result }) => result);
    return {
      migrations: all.reduce((sum, { migrations }) => sum + migrations, 0),
      rollbacks: all.reduce((sum, { rollbacks }) => sum + rollbacks, 0),
    };
  };
  const bounded = (counts: { migrations: number; rollbacks: number }) =>
    upperBound(counts.rollbacks, counts.migrations);
  const healthy = totals("healthy");
  const sharedOutage = totals("sharedOutage");
  const power = done.flatMap(({ one: { group, plan }, result }) =>
    group !== "power" || plan.fault === undefined
      ? []
      : [
          {
            fault: plan.fault.sli,
            ratio: plan.fault.ratio,
            sessions: plan.traffic.liveSessions,
            population: plan.traffic.population,
            migrations: result.migrations,
            caught: result.rollbacks / result.migrations,
            medianMinutes: result.medianMinutes,
          },
        ],
  );
  const triple = power.filter(
    ({ fault, ratio, sessions }) => fault === "failed" && ratio === 3 && sessions === 1000,
  );
  const caught = Math.min(...triple.map((row) => row.caught));
  const failed = scenarios.filter(({ ok }) => !ok);
  return {
    seed,
    healthy: { ...healthy, upperBound: bounded(healthy) },
    power,
    sharedOutage,
    cases: done.map(({ result }) => result),
    scenarios,
    goals: [
      {
        goal: "false rollbacks of unequal sticky sessions at most 1 % (upper bound at 95 %)",
        measured: `${String(healthy.rollbacks)} of ${String(healthy.migrations)}, at most ${percent(bounded(healthy))}`,
        met: bounded(healthy) <= 0.01,
      },
      {
        goal: "failures x3 caught in at least 95 % at 1,000 sessions",
        measured: `at least ${percent(caught)}`,
        met: caught >= 0.95,
      },
      {
        goal: "rollbacks at an outage of both sides at most 1 % (upper bound at 95 %)",
        measured: `${String(sharedOutage.rollbacks)} of ${String(sharedOutage.migrations)}, at most ${percent(bounded(sharedOutage))}`,
        met: bounded(sharedOutage) <= 0.01,
      },
      {
        goal: "broken and missing data never pass and never lower traffic",
        measured: failed.length === 0 ? "none did" : failed.map(({ name }) => name).join(", "),
        met: failed.length === 0,
      },
    ],
  };
}

/** A share for people, per cent. */
export function percent(share: number): string {
  return `${(100 * share).toFixed(share > 0 && share < 0.1 ? 2 : 1)} %`;
}
