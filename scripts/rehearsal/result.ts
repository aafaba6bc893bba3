import type { EngineInventory } from "../local/engine.ts";
import { compareVisits, sessionsThatLeftV2, type Accounting, type Totals } from "./accounting.ts";
import type { Verification } from "./records.ts";
import { stageResult, type StageResult } from "./stage-result.ts";
import type { Walk } from "./walk.ts";

/** Everything a rehearsal has found, as `out/rehearsal.json` holds it. */
export interface RehearsalResult {
  /** Everything holds. */
  readonly passed: boolean;
  /** What does not, a sentence each. */
  readonly failures: readonly string[];
  readonly startedAt: string;
  readonly durationSeconds: number;
  readonly requests: number;
  /** No answer, or a 5xx made by the router. */
  readonly lostRequests: number;
  /** Answered 5xx or 429 by a pool. */
  readonly failedRequests: number;
  /** POSTs without Idempotency-Key that were cut in flight. */
  readonly reportedRequests: number;
  /** Answers that the request did not deserve: a wrong status, or outputs of another program. */
  readonly unexpectedAnswers: number;
  /** Decisions that differ from the predictor for the percentage in `x-rollout`. */
  readonly mispredictedDecisions: number;
  /** Decided for V2, served by V1. */
  readonly fallbacks: number;
  /** Served by another side than decided, and no fallback. */
  readonly wronglyServed: number;
  /** Answers without a readable `x-rollout`, or without a line in the decision log. */
  readonly unexplainedAnswers: number;
  /** Lines of the decision log that nobody can read. */
  readonly unreadableLines: number;
  /** Programs that were acknowledged and had to be there at the end. */
  readonly programs: number;
  /** Of these, programs that were missing at any time, or deleted ones that came back. */
  readonly programsLost: number;
  /** Sessions that went from V2 to V1 on the way up. */
  readonly sessionsLeftV2: number;
  /** Sessions on another side on the way back than on the way up, at the same percentage. */
  readonly sessionsChangedSide: number;
  /** Sessions that both ways have seen at the same percentage. */
  readonly sessionsCompared: number;
  readonly stages: readonly StageResult[];
  readonly brake: {
    readonly engageToZeroSeconds: number;
    readonly releaseSeconds: number;
    /** Requests decided for V2 while every router applied 0 %. */
    readonly requestsOnV2: number;
  };
  readonly brokenImage: {
    readonly loweredToZero: boolean;
    readonly upFailed: boolean;
    readonly toZeroSeconds: number;
  };
  /** The last `up` of two in a row changed nothing. */
  readonly secondUpChangedNothing: boolean;
  /** What `destroy` left behind. */
  readonly leftBehind: readonly string[];
  readonly engine: EngineInventory["engine"] & {
    readonly languageHost: EngineInventory["languageHost"];
  };
  readonly providers: EngineInventory["providers"];
  /** Some requests that were not simply answered, for people. */
  readonly examples: readonly string[];
}

/** What a rehearsal was and has gathered. */
export interface RehearsalFindings {
  readonly startedAt: Date;
  readonly durationSeconds: number;
  readonly walk: Walk;
  readonly accounting: Accounting;
  readonly unreadableLines: number;
  readonly verification: Verification;
  readonly secondUpChangedNothing: boolean;
  readonly leftBehind: readonly string[];
  readonly inventory: EngineInventory;
}

/** Fewest requests that prove something. */
export const minimumRequests = 50_000;

/** From the stage `p5` on, an `up` and its convergence must be this quick, seconds. */
const upLimitSeconds = 10;
const convergenceLimitSeconds = 3;
const brakeLimitSeconds = 3;

/** Evaluates what was found; `passed` only if all of it holds. */
export function evaluate(findings: RehearsalFindings): RehearsalResult {
  const { walk, accounting, verification, inventory } = findings;
  const totals = accounting.totals();
  const { stages, ...moves } = evaluateStages(walk, accounting);
  const braked = accounting.visit(walk.brake.resourceVersion, 0);
  const lowered = accounting.visit(walk.brokenImage.resourceVersion, 0);
  const { engine, languageHost, providers } = inventory;
  const result = {
    startedAt: findings.startedAt.toISOString(),
    durationSeconds: Math.round(findings.durationSeconds),
    ...requestFigures(totals),
    unreadableLines: findings.unreadableLines,
    programs: verification.programs,
    programsLost: programsLost(totals, verification),
    ...moves,
    stages,
    brake: {
      engageToZeroSeconds: round(walk.brake.engageToZeroSeconds),
      releaseSeconds: round(walk.brake.releaseSeconds),
      requestsOnV2: braked.requests.v2,
    },
    brokenImage: {
      loweredToZero:
        walk.brokenImage.appliedZero && lowered.requests.v1 > 0 && lowered.requests.v2 === 0,
      upFailed: walk.brokenImage.upFailed,
      toZeroSeconds: round(walk.brokenImage.toZeroSeconds),
    },
    secondUpChangedNothing: findings.secondUpChangedNothing,
    leftBehind: findings.leftBehind,
    engine: { ...engine, languageHost },
    providers,
    examples: totals.examples,
  };
  const failures = [
    ...failuresOfRequests(result),
    ...failuresOfStages(result),
    ...(braked.requests.v1 > 0 ? [] : ["no request was seen while the brake was engaged"]),
  ];
  return { passed: failures.length === 0, failures, ...result };
}

type Checked = Omit<RehearsalResult, "passed" | "failures">;

function requestFigures(totals: Totals) {
  const { outcomes, verdicts } = totals;
  return {
    requests: totals.requests,
    lostRequests: outcomes.lost,
    failedRequests: outcomes.failed,
    reportedRequests: outcomes.reported,
    unexpectedAnswers: verdicts.wrongAnswer + verdicts.unexpectedStatus,
    mispredictedDecisions: totals.mispredicted,
    fallbacks: totals.fallbacks,
    wronglyServed: totals.wronglyServed,
    unexplainedAnswers: totals.withoutLine + totals.withoutRollout,
  };
}

function programsLost({ verdicts }: Totals, verification: Verification): number {
  const { notListed, notExecutable, reappeared } = verification;
  const atTheEnd = new Set([...notListed, ...notExecutable, ...reappeared]).size;
  // A request that met a missing program in between counts even if the program was there at the end.
  return Math.max(atTheEnd, verdicts.programMissing);
}

function evaluateStages({ stays, rising }: Walk, accounting: Accounting) {
  const visits = stays.map((stay) => ({
    stay,
    visit: accounting.visit(stay.resourceVersion, stay.commandedPercent),
  }));
  const up = visits.slice(0, rising);
  let sessionsCompared = 0;
  let sessionsChangedSide = 0;
  for (const { stay, visit } of visits.slice(rising)) {
    const before = up.find((candidate) => candidate.stay.stage === stay.stage);
    if (!before) continue;
    const { common, changed } = compareVisits(before.visit, visit);
    sessionsCompared += common;
    sessionsChangedSide += changed;
  }
  return {
    stages: visits.map(({ stay, visit }) => stageResult(stay, visit)),
    sessionsLeftV2: sessionsThatLeftV2(up.map(({ visit }) => visit)).length,
    sessionsCompared,
    sessionsChangedSide,
  };
}

function failuresOfRequests(result: Checked): string[] {
  const mustBeZero: [number, string][] = [
    [result.lostRequests, "requests were lost"],
    [result.failedRequests, "requests failed although no pool was told to fail"],
    [result.unexpectedAnswers, "answers were not what the request deserved"],
    [result.mispredictedDecisions, "decisions differ from the predictor"],
    [result.wronglyServed, "requests were served by another side than decided, without fallback"],
    [result.unexplainedAnswers, "answers have no x-rollout or no line in the decision log"],
    [result.unreadableLines, "lines of the decision log cannot be read"],
    [result.programsLost, "programs were lost or came back"],
    [result.sessionsLeftV2, "sessions left V2 on the way up"],
    [result.sessionsChangedSide, "sessions were on another side on the way back"],
    [result.brake.requestsOnV2, "requests were decided for V2 at an applied 0 %"],
    [result.leftBehind.length, `objects were left behind: ${result.leftBehind.join(", ")}`],
  ];
  const failures = mustBeZero
    .filter(([count]) => count > 0)
    .map(([count, what]) => `${count} ${what}`);
  if (result.requests < minimumRequests) {
    failures.push(`only ${result.requests} requests were made: ${minimumRequests} prove something`);
  }
  if (result.programs === 0) failures.push("no program was there to look for at the end");
  if (result.sessionsCompared === 0) failures.push("no session was seen on both ways");
  return failures;
}

function failuresOfStages(result: Checked): string[] {
  const failures: string[] = [];
  let fromP5 = false;
  for (const stage of result.stages) {
    const name = `stage ${stage.stage} (${stage.commandedPercent} % commanded)`;
    if (!stage.agrees) {
      failures.push(
        `${name}: ${stage.appliedPercent ?? "different percentages"} applied, ` +
          `${stage.observedSessionsPercent} % of ${stage.sessions} sessions observed`,
      );
    }
    fromP5 ||= stage.stage === "p5";
    if (fromP5 && stage.upSeconds >= upLimitSeconds) {
      failures.push(`${name}: up took ${stage.upSeconds} s, limit ${upLimitSeconds} s`);
    }
    if (fromP5 && !(stage.convergenceSeconds < convergenceLimitSeconds)) {
      failures.push(
        `${name}: applied ${stage.convergenceSeconds} s after the write, ` +
          `limit ${convergenceLimitSeconds} s`,
      );
    }
  }
  if (result.brake.engageToZeroSeconds >= brakeLimitSeconds) {
    failures.push(
      `the brake took ${result.brake.engageToZeroSeconds} s, limit ${brakeLimitSeconds} s`,
    );
  }
  const { loweredToZero, upFailed } = result.brokenImage;
  if (!loweredToZero) failures.push("the traffic was not lowered to 0 while V2's image was broken");
  if (!upFailed) failures.push("an up with a broken image did not fail");
  if (!result.secondUpChangedNothing) failures.push("the second of two ups changed something");
  return failures;
}

function round(seconds: number): number {
  return Math.round(seconds * 100) / 100;
}
