import { rehearsedFaults } from "./fault-plans.ts";
import type { RehearsalResult } from "./result.ts";

/** Fewest requests that prove something. */
export const minimumRequests = 50_000;

/** From the stage `p5` on, an `up` and its convergence must be this quick, seconds. */
const upLimitSeconds = 10;
const convergenceLimitSeconds = 3;
const brakeLimitSeconds = 3;

const firstFault = rehearsedFaults[0]?.name;

/** A V2 that fails always must be off traffic after this, on a machine that is busy with everything else, seconds. */
const faultLimitSeconds = 10;

/** A result before it is judged. */
type Checked = Omit<RehearsalResult, "passed" | "failures">;

/** What does not hold, a sentence each. */
export function failuresOf(result: Checked): string[] {
  return [
    ...failuresOfRequests(result),
    ...failuresOfStages(result),
    ...failuresOfTrials(result),
    ...failuresOfGuards(result),
  ];
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
  return failures;
}

function failuresOfTrials(result: Checked): string[] {
  const failures: string[] = [];
  for (const [name, { engageToZeroSeconds }] of [
    ["brake", result.brake],
    ["direct brake", result.directBrake],
  ] as const) {
    if (!(engageToZeroSeconds < brakeLimitSeconds)) {
      failures.push(`the ${name} took ${engageToZeroSeconds} s, limit ${brakeLimitSeconds} s`);
    }
  }
  const { apiServerDown } = result.directBrake;
  if (!apiServerDown) failures.push("an API server ran while the direct brake was tried");
  const { loweredToDirect, lostRequests } = result.entry;
  if (!loweredToDirect) failures.push("callers did not reach V1 directly, past the router");
  if (lostRequests > 0) failures.push(`${lostRequests} requests were lost by a change of entry`);
  const { loweredToZero, upFailed } = result.brokenImage;
  if (!loweredToZero) failures.push("the traffic was not lowered to 0 while V2's image was broken");
  if (!upFailed) failures.push("an up with a broken image did not fail");
  for (const [side, { passed, failed }] of Object.entries(result.conformance)) {
    failures.push(...failed.map((rule) => `pool ${side} breaks the contract, ${rule}`));
    if (passed === 0) failures.push(`no rule of the contract could be checked on pool ${side}`);
  }
  if (!result.podSecurityEnforced) {
    failures.push("the API server accepted a privileged pod in the stack's namespace");
  }
  if (!result.secondUpChangedNothing) failures.push("the second of two ups changed something");
  return failures;
}

function failuresOfGuards(result: Checked): string[] {
  const failures: string[] = [];
  for (const { name, stage, expected, braked, firstBadToZeroSeconds } of result.faults) {
    const what = `fault "${name}" at ${stage}`;
    if (expected && !braked) failures.push(`${what}: no guard pulled the brake`);
    if (!expected && braked)
      failures.push(`${what}: a guard pulled the brake although V1 failed too`);
    if (name === firstFault && !((firstBadToZeroSeconds ?? Infinity) < faultLimitSeconds)) {
      failures.push(`${what}: 0 % ${firstBadToZeroSeconds} s after, limit ${faultLimitSeconds} s`);
    }
  }
  if (result.faults.length === 0) failures.push("no fault was tried");
  if (result.falseRollbacks > 0) {
    failures.push(`${result.falseRollbacks} rollbacks by guards that no fault asked for`);
  }
  if (result.verdictsReplayed === 0) failures.push("no verdict was found in the journal");
  if (result.replayMismatches > 0) {
    failures.push(`${result.replayMismatches} verdicts are others when they are computed again`);
  }
  return failures;
}
