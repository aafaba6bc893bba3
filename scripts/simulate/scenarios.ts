import { bucket } from "../../infra/rollout/bucket.ts";
import { parseDecisionLine } from "../../infra/rollout/decision-log.ts";
import { beginAttempt } from "../../infra/rollout/evidence/attempt.ts";
import { emptyBookState, EvidenceBook } from "../../infra/rollout/evidence/book.ts";
import { noCounts } from "../../infra/rollout/evidence/counts.ts";
import { evaluate } from "../../infra/rollout/evidence/evaluate.ts";
import type { EvaluationState } from "../../infra/rollout/evidence/evaluate.ts";
import type { VerdictKind } from "../../infra/rollout/evidence/findings.ts";
import type { EvidenceRow } from "../../infra/rollout/evidence/row.ts";
import { EvidenceUnion } from "../../infra/rollout/evidence/union.ts";
import { rowsOf, simulationSettings } from "./migration.ts";
import { standardPlan } from "./plan.ts";
import type { Plan } from "./plan.ts";
import { randomFrom } from "./random.ts";

/** A case of broken or missing data, and what has to come of it. */
export interface Scenario {
  readonly name: string;
  /** Verdicts that may be given while the data are as the name says. */
  readonly allowed: readonly VerdictKind[];
  /** Verdicts that were given in that time, in order, repetitions left out. */
  readonly run: (seed: number) => VerdictKind[];
}

/** An hour at 25 %, which a healthy V2 passes. */
const plan: Plan = {
  ...standardPlan({ liveSessions: 4000, requestsPerMinute: 4000 }),
  percentages: [25],
};
const start = { attempt: "1", at: Date.UTC(2026, 0, 1), state: undefined };

/**
 * Verdicts on an hour at 25 % whose rows are changed from minute 40 on, when V2 has passed.
 *
 * @throws RangeError when it had not passed before: the scenario would show nothing
 */
function changedFrom40(
  seed: number,
  change: (row: EvidenceRow, last: EvidenceRow) => EvidenceRow,
): VerdictKind[] {
  let state: EvaluationState | undefined;
  let last: EvidenceRow | undefined;
  let before: VerdictKind = "unknown";
  const after: VerdictKind[] = [];
  for (const row of rowsOf(plan, randomFrom(seed, 0), start)) {
    const broken = last !== undefined && row.at - start.at >= 40 * 60_000;
    const seen: EvidenceRow = broken ? change(row, last ?? row) : row;
    const result = evaluate(state, seen, simulationSettings);
    state = result.state;
    if (broken) after.push(result.verdict.kind);
    else {
      before = result.verdict.kind;
      last = row;
    }
  }
  if (before !== "pass") throw new RangeError(`The stage had not passed: ${before}`);
  return withoutRepetitions(after);
}

function withoutRepetitions(kinds: readonly VerdictKind[]): VerdictKind[] {
  return kinds.filter((kind, index) => kind !== kinds[index - 1]);
}

/** One line of the decision log. */
const line = (session: string, percentage: number, seconds: number, fields: object): string =>
  JSON.stringify({
    event: "routing_decision",
    ts: new Date(start.at + seconds * 1000).toISOString(),
    request_id: `${session}-${String(seconds)}`,
    session_id: session,
    route: `split-session-safe;r7.1;${String(percentage)}`,
    arm: "worker-v1",
    served: "v1",
    attempts: 1,
    status: 200,
    flags: "",
    ms: 20,
    ...fields,
  });

/** V2 is dead; each of its requests is tried there, and then answered 200 by V1. */
function deadBehindRetries(): VerdictKind[] {
  const book = new EvidenceBook(emptyBookState(start.at));
  const threshold = { at: start.at, why: "", build: "", slowMilliseconds: 300 };
  book.follow(beginAttempt(threshold), start.at);
  const union = new EvidenceUnion();
  const kinds: VerdictKind[] = [];
  let state: EvaluationState | undefined;
  for (let second = 0; second < 60; second += 1) {
    for (let request = 0; request < 50; request += 1) {
      const session = `session-${String((second * 50 + request) % 700)}`;
      const onV2 = bucket(session) < 10;
      const retried = { arm: "worker-v2-then-v1", served: "v1", attempts: 2 };
      const decided = parseDecisionLine(line(session, 10, second, onV2 ? retried : {}));
      if (decided !== undefined) book.take(decided);
    }
    const at = start.at + (second + 1) * 1000;
    const record = book.close(at);
    if (record !== undefined) union.add("router-a", record);
    const row: EvidenceRow = {
      at,
      attempt: "1",
      stage: { name: "p10", percentage: 10, since: start.at, firstV2At: start.at },
      slowMilliseconds: 300,
      counts: union.counts,
      routersExpected: 1,
      routers: [{ router: "router-a", at, lostLines: 0, mispredicted: 0, complete: true }],
      complete: union.complete,
      pool: null,
    };
    const result = evaluate(state, row, { ...simulationSettings, figures: [] });
    state = result.state;
    kinds.push(result.verdict.kind);
    if (result.verdict.kind === "rollback") break;
  }
  return [kinds.at(-1) ?? "unknown"];
}

/** All cases of broken or missing data. */
export const scenarios: readonly Scenario[] = [
  {
    name: "counter reset",
    allowed: ["hold"],
    run: (seed) =>
      changedFrom40(seed, (row) => ({
        ...row,
        counts: { "25": { v1: noCounts, v2: noCounts } },
      })),
  },
  {
    name: "V2 without requests while V1 is busy",
    allowed: ["hold"],
    run: (seed) => {
      let state: EvaluationState | undefined;
      const kinds: VerdictKind[] = [];
      for (const row of rowsOf(plan, randomFrom(seed, 0), start)) {
        const { v1 } = row.counts["25"] ?? { v1: noCounts };
        const stage = { ...row.stage, firstV2At: null };
        const silent = { ...row, stage, counts: { "25": { v1, v2: noCounts } } };
        const result = evaluate(state, silent, simulationSettings);
        state = result.state;
        kinds.push(result.verdict.kind);
      }
      return withoutRepetitions(kinds);
    },
  },
  {
    name: "misspelt metric",
    allowed: ["hold"],
    run: (seed) =>
      changedFrom40(seed, (row) => {
        const figures = { ...row.pool?.figures };
        delete figures.workerFailures;
        return { ...row, pool: { at: row.at, figures } };
      }),
  },
  {
    name: "one router away",
    allowed: ["hold"],
    run: (seed) => changedFrom40(seed, (row) => ({ ...row, routers: row.routers.slice(1) })),
  },
  {
    name: "all sources away while waiting for approval",
    // A report counts as fresh for three evaluations.
    allowed: ["pass", "unknown"],
    run: (seed) =>
      changedFrom40(seed, (row, last) => ({
        ...last,
        at: row.at,
      })),
  },
  { name: "V2 dead behind retries", allowed: ["rollback"], run: deadBehindRetries },
];

/** What came of a scenario. */
export interface ScenarioResult {
  readonly name: string;
  readonly allowed: readonly VerdictKind[];
  readonly verdicts: readonly VerdictKind[];
  /** Whether no other verdict was given, and the last one was the last that is allowed. */
  readonly ok: boolean;
}

/** Runs a scenario. */
export function runScenario({ name, allowed, run }: Scenario, seed: number): ScenarioResult {
  const verdicts = run(seed);
  const ok = verdicts.every((kind) => allowed.includes(kind)) && verdicts.at(-1) === allowed.at(-1);
  return { name, allowed, verdicts, ok };
}
