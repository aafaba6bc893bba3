import { noCounts } from "../../infra/rollout/evidence/counts.ts";
import type { Counts, SideCounts } from "../../infra/rollout/evidence/counts.ts";
import { evaluate } from "../../infra/rollout/evidence/evaluate.ts";
import type {
  EvaluationSettings,
  EvaluationState,
  Verdict,
} from "../../infra/rollout/evidence/evaluate.ts";
import { poolFigures } from "../../infra/rollout/evidence/row.ts";
import type { EvidenceRow } from "../../infra/rollout/evidence/row.ts";
import { settingsInForce } from "../../infra/rollout/evidence/settings.ts";
import { slis } from "../../infra/rollout/evidence/slis.ts";
import type { BadCounts } from "../../infra/rollout/evidence/counts.ts";
import type { Sli } from "../../infra/rollout/evidence/slis.ts";
import { drawEvents, fieldsOfSli } from "./events.ts";
import type { Events } from "./events.ts";
import { spanOfStage, stageAt, tickSeconds } from "./plan.ts";
import type { Plan } from "./plan.ts";
import { simulatedPool } from "./pool.ts";
import { poisson } from "./random.ts";
import type { Random } from "./random.ts";

const { evidence, thresholds } = settingsInForce("accelerated");

/** Settings of all simulations: the defaults, evaluated at each tick. */
export const simulationSettings: EvaluationSettings = {
  evidence,
  thresholds,
  intervals: { evaluation: tickSeconds * 1000, figures: tickSeconds * 1000 },
  controlledStages: 5,
  figures: poolFigures,
};

/** Threshold of `slow` in all simulations, milliseconds. */
const slowMilliseconds = 300;

/** How a simulated migration went. */
export interface Outcome {
  /** Percentage and minutes since the begin at which it was rolled back; undefined: it was not. */
  readonly rollback:
    | { readonly percentage: number; readonly minutes: number; readonly codes: readonly string[] }
    | undefined;
  /** The last verdict. */
  readonly verdict: Verdict;
  readonly state: EvaluationState;
  /** Verdict kinds by stage: whether each stage had passed at its end. */
  readonly passed: readonly boolean[];
}

/** What a migration goes on from: an earlier attempt. */
export interface Start {
  readonly attempt: string;
  readonly at: number;
  readonly state: EvaluationState | undefined;
}

/** Begin of all simulated migrations, milliseconds since 1970. */
const epoch = Date.UTC(2026, 0, 1);

/**
 * Runs a migration through the evaluation until it is rolled back or over.
 *
 * @param visit sees each row and its verdict
 */
export function runMigration(
  plan: Plan,
  random: Random,
  start: Start = { attempt: "1", at: epoch, state: undefined },
  visit?: (row: EvidenceRow, verdict: Verdict) => void,
): Outcome {
  const passed: boolean[] = [];
  let last: { verdict: Verdict; state: EvaluationState } | undefined;
  let { state } = start;
  for (const row of rowsOf(plan, random, start)) {
    last = evaluate(state, row, simulationSettings);
    state = last.state;
    visit?.(row, last.verdict);
    const stage = plan.percentages.indexOf(row.stage.percentage);
    passed[stage] = last.verdict.kind === "pass";
    if (last.verdict.kind === "rollback") {
      const codes = last.verdict.findings
        .filter(({ action }) => action === "rollback")
        .map(({ code, sli }) => (sli === undefined ? code : `${code}:${sli}`));
      const minutes = (row.at - start.at) / 60_000;
      const rollback = { percentage: row.stage.percentage, minutes, codes };
      return { rollback, ...last, passed };
    }
  }
  if (last === undefined) throw new RangeError("The plan has no stages");
  return { rollback: undefined, ...last, passed };
}

/** The rows of a migration, one for each tick. */
export function* rowsOf(plan: Plan, random: Random, start: Start): Generator<EvidenceRow> {
  const events = drawEvents(plan, random);
  const pool = simulatedPool(plan, random);
  let counts: Counts = {};
  let firstV2At: number | null = null;
  for (let tick = 0; tick < events.ticks; tick += 1) {
    const seconds = tick * tickSeconds;
    const stage = stageAt(plan, seconds);
    const [begin] = spanOfStage(plan, stage);
    const percentage = plan.percentages[stage] ?? 0;
    const at = start.at + (tick + 1) * tickSeconds * 1000;
    const key = String(percentage);
    if (seconds === begin) firstV2At = null;
    const before = counts[key] ?? { v1: noCounts, v2: noCounts };
    const after = {
      v1: addTick(before.v1, events, tick, 0, plan, random),
      v2: addTick(before.v2, events, tick, 1, plan, random),
    };
    counts = { ...counts, [key]: after };
    if (firstV2At === null && after.v2.requests > 0) firstV2At = at - tickSeconds * 1000;
    yield {
      at,
      attempt: start.attempt,
      stage: {
        name: `p${key}`,
        percentage,
        since: start.at + begin * 1000,
        firstV2At,
      },
      slowMilliseconds,
      counts,
      routersExpected: 2,
      routers: ["router-a", "router-b"].map((router) => ({
        router,
        at,
        lostLines: 0,
        mispredicted: 0,
        complete: true,
      })),
      complete: true,
      pool: pool(at, tick, percentage),
    };
  }
}

/** Upper ends of the durations' bins, milliseconds, and their shares. */
const durationBins = [
  ["40", 0.45],
  ["95", 0.04],
  ["150", 0.008],
  ["300", 0.002],
] as const;

function addTick(
  before: SideCounts,
  { bad, seen, cold, rate }: Events,
  tick: number,
  side: 0 | 1,
  plan: Plan,
  random: Random,
): SideCounts {
  const index = tick * 2 + side;
  let badRequests = 0;
  const value = (sli: number, field: number) =>
    bad[(index * slis.length + sli) * fieldsOfSli + field] ?? 0;
  const badCounts = {} as Record<Sli, BadCounts>;
  for (const [at, sli] of slis.entries()) {
    const old = before.bad[sli];
    const requests = old.requests + value(at, 0);
    badRequests += value(at, 0);
    const asRequests = plan.unit === "request";
    badCounts[sli] = {
      requests,
      sessions: asRequests ? requests : old.sessions + value(at, 1),
      firstInAttempt: asRequests ? requests : old.firstInAttempt + value(at, 2),
    };
  }
  const newSessions = seen[index] ?? 0;
  const drawn = poisson(random, (rate[index] ?? 0) * tickSeconds);
  const requests = Math.max(drawn, newSessions + badRequests);
  const slowFirst = cold[index] ?? 0;
  const durations: Record<string, number> = { ...before.durations };
  let rest = requests - slowFirst;
  for (const [key, share] of durationBins) {
    const count = Math.min(rest, poisson(random, requests * share));
    durations[key] = (durations[key] ?? 0) + count;
    rest -= count;
  }
  durations["20"] = (durations["20"] ?? 0) + rest;
  if (slowFirst > 0) durations["5000"] = (durations["5000"] ?? 0) + slowFirst;
  return {
    requests: before.requests + requests,
    sessions: plan.unit === "request" ? before.requests + requests : before.sessions + newSessions,
    bad: badCounts,
    durations,
  };
}
