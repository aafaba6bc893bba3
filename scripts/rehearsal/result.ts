import type { Side } from "../../infra/rollout/decision.ts";
import type { EngineInventory } from "../local/engine.ts";
import { compareVisits, sessionsThatLeftV2, type Accounting, type Totals } from "./accounting.ts";
import type { ConformanceCheck } from "./conformance-check.ts";
import type { FaultResult } from "./fault-trial.ts";
import { failuresOf } from "./failures.ts";
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
  /** Answers without a readable `x-rollout` or a line in the decision log, while the router was in the path. */
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
  /** The router taken out of the callers' path before any session was on V2. */
  readonly entry: {
    /** Callers reached V1 directly, all of them, and no request was lost by that or by the way back. */
    readonly loweredToDirect: boolean;
    readonly lostRequests: number;
    /** From the start of the `up` until the last request that went through the router. */
    readonly toDirectSeconds: number;
    /** Requests that reached V1 directly while they were to. */
    readonly directRequests: number;
  };
  readonly brake: {
    readonly engageToZeroSeconds: number;
    readonly releaseSeconds: number;
    /** Requests decided for V2 while every router applied 0 %. */
    readonly requestsOnV2: number;
  };
  readonly directBrake: {
    readonly apiServerDown: boolean;
    readonly engageToZeroSeconds: number;
  };
  readonly brokenImage: {
    readonly loweredToZero: boolean;
    readonly upFailed: boolean;
    readonly toZeroSeconds: number;
  };
  /** Planned failures, and whether a guard pulled the brake. */
  readonly faults: readonly FaultResult[];
  /** Rollbacks by guards that no planned failure of V2 asked for. */
  readonly falseRollbacks: number;
  /** Verdicts of the journal, and those that came out otherwise when they were computed again. */
  readonly verdictsReplayed: number;
  readonly replayMismatches: number;
  /** What a pod of each pool keeps and breaks of the pool contract. */
  readonly conformance: Readonly<Record<Side, ConformanceCheck>>;
  /** The API server refused a privileged pod in the stack's namespace. */
  readonly podSecurityEnforced: boolean;
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
  readonly conformance: Readonly<Record<Side, ConformanceCheck>>;
  readonly replay: ReplayCheck;
  /** Ids of all engagements of the brake by guards. */
  readonly guardEngagements: ReadonlySet<string>;
  readonly podSecurityEnforced: boolean;
  readonly secondUpChangedNothing: boolean;
  readonly leftBehind: readonly string[];
  readonly inventory: EngineInventory;
}

/** What came of computing the journal's verdicts again. */
export interface ReplayCheck {
  readonly verdicts: number;
  readonly mismatches: number;
}

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
    entry: entryFigures(walk, totals),
    brake: {
      engageToZeroSeconds: round(walk.brake.engageToZeroSeconds),
      releaseSeconds: round(walk.brake.releaseSeconds),
      requestsOnV2: braked.requests.v2,
    },
    directBrake: {
      apiServerDown: walk.directBrake.apiServerDown,
      engageToZeroSeconds: round(walk.directBrake.engageToZeroSeconds),
    },
    brokenImage: {
      loweredToZero:
        walk.brokenImage.appliedZero && lowered.requests.v1 > 0 && lowered.requests.v2 === 0,
      upFailed: walk.brokenImage.upFailed,
      toZeroSeconds: round(walk.brokenImage.toZeroSeconds),
    },
    faults: walk.faults,
    falseRollbacks: falseRollbacks(walk, findings.guardEngagements),
    verdictsReplayed: findings.replay.verdicts,
    replayMismatches: findings.replay.mismatches,
    conformance: findings.conformance,
    podSecurityEnforced: findings.podSecurityEnforced,
    secondUpChangedNothing: findings.secondUpChangedNothing,
    leftBehind: findings.leftBehind,
    engine: { ...engine, languageHost },
    providers,
    examples: totals.examples,
  };
  const failures = [
    ...failuresOf(result),
    ...(braked.requests.v1 > 0 ? [] : ["no request was seen while the brake was engaged"]),
  ];
  return { passed: failures.length === 0, failures, ...result };
}

function falseRollbacks({ faults }: Walk, engagements: ReadonlySet<string>): number {
  const asked = faults.filter(({ expected }) => expected).flatMap((fault) => fault.engagements);
  return [...engagements].filter((id) => !asked.includes(id)).length;
}

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
    unexplainedAnswers: totals.withoutLine + totals.withoutRollout + totals.entry.directWhileInline,
  };
}

function entryFigures({ entry }: Walk, { entry: { direct, routedWhileBeside } }: Totals) {
  return {
    loweredToDirect: direct > 0 && routedWhileBeside === 0,
    lostRequests: entry.lostRequests,
    toDirectSeconds: round(entry.toDirectSeconds),
    directRequests: direct,
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

function round(seconds: number): number {
  return Math.round(seconds * 100) / 100;
}
