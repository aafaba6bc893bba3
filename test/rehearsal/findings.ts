import type { DecisionLine } from "../../infra/rollout/decision-log.ts";
import { predictSide } from "../../infra/rollout/decision.ts";
import { Accounting } from "../../scripts/rehearsal/accounting.ts";
import type { FaultResult } from "../../scripts/rehearsal/fault-trial.ts";
import type { RequestRecord } from "../../scripts/rehearsal/records.ts";
import { minimumRequests } from "../../scripts/rehearsal/failures.ts";
import type { RehearsalFindings } from "../../scripts/rehearsal/result.ts";
import type { StageStay } from "../../scripts/rehearsal/stage-result.ts";

/** Stages of the walk and their percentages. */
export const ladder: readonly [string, number][] = [
  ["baseline", 0],
  ["p5", 5],
  ["p50", 50],
  ["p100", 100],
  ["p50", 50],
];

/** Requests of so many sessions under one write of `rollout`, decided and served as predicted. */
export function addVisit(
  accounting: Accounting,
  resourceVersion: string,
  percentage: number,
  change: (record: RequestRecord, line: DecisionLine) => void = () => undefined,
  count = 400,
): void {
  for (let number = 0; number < count; number++) {
    const sessionId = `session-${number}`;
    const requestId = `${resourceVersion}-${percentage}-${number}`;
    const { side } = predictSide({ sessionId, requestId, percentage });
    const revision = `r${resourceVersion}.1`;
    const record = {
      type: "request",
      requestId,
      sessionId,
      operation: "list",
      keyed: false,
      intendedAt: 0,
      durationMs: 1,
      status: 200,
      rollout: `${revision};${percentage}`,
      pool: side,
      repeats: 0,
      verdict: "expected",
    } satisfies RequestRecord;
    const line = {
      requestId,
      sessionId,
      decided: side,
      served: side,
      fallback: false,
      override: undefined,
      revision,
      percentage,
      hashed: "session",
      retryClass: "safe",
      attempts: 1,
      status: 200,
      flags: "",
      startTime: 0,
      durationMs: 1,
    } satisfies DecisionLine;
    change(record, line);
    accounting.addRequest(record);
    accounting.addLine(line);
  }
}

/** A request that V1 answered past the router. */
export function direct(intendedAt: number): RequestRecord {
  return {
    type: "request",
    requestId: `direct-${intendedAt}`,
    operation: "list",
    keyed: false,
    intendedAt,
    durationMs: 1,
    status: 200,
    pool: "v1",
    repeats: 0,
    verdict: "expected",
  };
}

/** A rehearsal in which everything holds. */
export function findings(): RehearsalFindings & {
  accounting: Accounting;
  stays: StageStay[];
  faults: FaultResult[];
} {
  const accounting = new Accounting();
  const stays = ladder.map(([stage, percentage], index) => {
    addVisit(accounting, `10${index}`, percentage);
    return {
      stage,
      commandedPercent: percentage,
      appliedPercent: percentage,
      upSeconds: 4,
      convergenceSeconds: 1,
      resourceVersion: `10${index}`,
    };
  });
  addVisit(accounting, "102", 0); // braked
  addVisit(accounting, "200", 0); // lowered with a broken image
  addVisit(accounting, "0", 0);
  accounting.entry.expect("beside", -10);
  accounting.entry.expect("inline", 0);
  const pastRouter = direct(-1);
  for (let count = 0; count < minimumRequests; count++) accounting.addRequest(pastRouter);
  const faults: FaultResult[] = [
    {
      name: "V2 fails always",
      stage: "p5",
      expected: true,
      braked: true,
      firstBadToZeroSeconds: 2.1,
      failedRequests: 7,
      engagements: ["asked"],
    },
    {
      name: "both sides fail",
      stage: "p25",
      expected: false,
      braked: false,
      firstBadToZeroSeconds: null,
      failedRequests: 300,
      engagements: [],
    },
  ];
  return {
    startedAt: new Date(0),
    durationSeconds: 300,
    walk: {
      stays,
      rising: 4,
      entry: { toDirectSeconds: 2, lostRequests: 0 },
      brake: { engageToZeroSeconds: 1, releaseSeconds: 1, resourceVersion: "102" },
      directBrake: { apiServerDown: true, engageToZeroSeconds: 1 },
      faults,
      brokenImage: {
        upFailed: true,
        appliedZero: true,
        toZeroSeconds: 2,
        resourceVersion: "200",
      },
    },
    accounting,
    stays,
    faults,
    unreadableLines: 0,
    verification: {
      type: "verification",
      sessions: 1,
      programs: 1,
      notListed: [],
      notExecutable: [],
      reappeared: [],
    },
    replay: { verdicts: 300, mismatches: 0 },
    guardEngagements: new Set(["asked"]),
    conformance: {
      v1: { passed: 40, skipped: 2, failed: [] },
      v2: { passed: 42, skipped: 0, failed: [] },
    },
    podSecurityEnforced: true,
    secondUpChangedNothing: true,
    leftBehind: [],
    inventory: {
      engine: { version: "v3.0.0", source: "build" },
      languageHost: "stand-in",
      providers: { kubernetes: { version: "4.0.0", kind: "official" } },
    },
  };
}
