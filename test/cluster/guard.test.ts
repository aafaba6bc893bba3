import type { DecisionLine } from "../../infra/rollout/decision-log.ts";
import { sides } from "../../infra/rollout/decision.ts";
import type { Side } from "../../infra/rollout/decision.ts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { defaultShape } from "../../scripts/rehearsal/load-plan.ts";
import type { FaultPlan } from "../../scripts/rehearsal/fault-plans.ts";
import { plannedFault } from "../../scripts/rehearsal/fault-plans.ts";
import { tryFault } from "../../scripts/rehearsal/fault-trial.ts";
import { guardPods } from "../../scripts/rehearsal/guard-pods.ts";
import { replayJournal } from "../../scripts/rehearsal/replay-check.ts";
import { guardCircumstances } from "./support/circumstances.ts";
import { GuardJournal } from "./support/guard-journal.ts";
import type { GuardCase } from "./support/guard-table.ts";
import { writeGuardTable } from "./support/guard-table.ts";
import { startStackUnderTest, type StackUnderTest } from "./support/stack-under-test.ts";

const stackName = "guard";
let test: StackUnderTest;
let journal: GuardJournal;
const cases: GuardCase[] = [];

/** A guard that is away is back, and has been heard, within this time; milliseconds. */
const patience = { timeout: 90_000, interval: 500 };

beforeAll(async () => {
  test = await startStackUnderTest(stackName);
  const { stack, environment } = test;
  await stack.enter("baseline");
  await stack.startLoad({ ...defaultShape, rate: 100 });
  await stack.enter("shadow");
  // The threshold of `slow` is frozen from V1's answers here.
  await stack.hold(15);
  stack.onLine((line) => lines.push(line));
  await stack.enter("p25");
  journal = await GuardJournal.connect(environment, stackName);
});

afterAll(async () => {
  await journal?.close();
  await test?.stop();
  writeGuardTable(cases);
});

/** Both guards report, one of them leads, and its journal has nothing left to write. */
async function settled(): Promise<void> {
  const look = async () => {
    const guards = await guardPods(test.stack.commands);
    return guards?.map(({ report }) => [
      report?.journal.waiting,
      report?.journal.problem,
      (report?.routers.reporting ?? 0) - (report?.routers.expected ?? 0),
      report?.leads === true ? "leads" : "follows",
    ]);
  };
  const quiet = (role: string) => [0, null, 0, role];
  await expect
    .poll(async () => JSON.stringify(await look()), patience)
    .toBeOneOf([
      JSON.stringify([quiet("leads"), quiet("follows")]),
      JSON.stringify([quiet("follows"), quiet("leads")]),
    ]);
}

function planned(name: string): FaultPlan {
  const plan = plannedFault(name);
  // Whoever was killed has to come back first.
  return { ...plan, stage: "p25", seconds: plan.expected ? 60 : 15 };
}

const circumstances = [
  "nothing else",
  "one guard killed",
  "both killed and back",
  "leader partitioned",
  "API server away",
  "database away",
] as const;

const failing = "V2 fails always";
const breaking = "V2 breaks every program";
const shared = "both sides fail half of their requests";

/** Between the begin of an attempt and the moment at which every router has heard of it, milliseconds. */
const hearing = 5_000;

/** The routers' decisions since they apply 25 %. */
const lines: DecisionLine[] = [];

describe.each(circumstances)("with %s", (circumstance) => {
  it.each([failing, breaking])("%s", (fault) => tryIn(circumstance, fault));
});

// Last, because failures of both sides stay in the evidence of the attempt, which none of them ends.
describe.each(circumstances)("with %s", (circumstance) => {
  it(shared, () => tryIn(circumstance, shared));
});

async function tryIn(circumstance: (typeof circumstances)[number], fault: string): Promise<void> {
  await settled();
  const plan = planned(fault);
  const begin = Date.now();
  const result = await tryFault({
    environment: test.environment,
    stack: test.stack,
    plan,
    p95Milliseconds: 0,
    circumstance: guardCircumstances(test)[circumstance]?.() ?? expect.fail(circumstance),
  });
  await settled();
  const { engaged, silenceSeconds } = await journal.span(begin, Date.now());
  cases.push({
    circumstance,
    fault,
    by: engaged.map(({ who }) => who),
    firstBadToZeroSeconds: result.firstBadToZeroSeconds,
    failedRequests: result.failedRequests,
    journalSilenceSeconds: silenceSeconds,
  });
  expect(result).toMatchObject({ braked: plan.expected, expected: plan.expected });
  // Each engagement that a router ever held is written down, and once.
  expect(engaged.map(({ id }) => id).sort()).toEqual([...result.engagements].sort());
}

/** Distinct sessions that lines were decided for; a request without one is one of its own. */
function sessionsIn(from: number, side: Side): number {
  const counted = lines.filter(
    ({ startTime, decided, percentage, override }) =>
      startTime >= from && decided === side && percentage === 25 && override === undefined,
  );
  return new Set(
    counted.map(({ hashed, sessionId, requestId }) =>
      hashed === "session" ? sessionId : requestId,
    ),
  ).size;
}

it("lost no request, no program and no evidence, and every verdict is computed again", async () => {
  const { stack } = test;
  await stack.stopLoad();
  const verification = await stack.verifyPrograms();
  stack.accounting.settle();
  const { outcomes, mispredicted, wronglyServed, examples } = stack.accounting.totals();
  expect(examples.filter((example) => example.includes(": lost"))).toEqual([]);
  expect({ lost: outcomes.lost, mispredicted, wronglyServed }).toEqual({
    lost: 0,
    mispredicted: 0,
    wronglyServed: 0,
  });
  expect(verification).toMatchObject({ notListed: [], notExecutable: [] });
  expect(stack.observed.reports.map(({ log }) => log.lostLines)).toEqual([0, 0]);
  await settled();
  // Over all that was killed and cut off: both guards know what the routers decided.
  for (const { report } of (await guardPods(stack.commands)) ?? []) {
    const { attempt = null, rates } = report ?? {};
    if (attempt === null || rates === undefined) throw new Error("a guard does not report");
    for (const side of sides) {
      expect(rates[side].sessions).toBeGreaterThanOrEqual(
        sessionsIn(attempt.since + hearing, side),
      );
      expect(rates[side].sessions).toBeLessThanOrEqual(sessionsIn(attempt.since, side));
      expect(rates[side].sessions).toBeGreaterThan(100);
    }
  }
  const { verdicts, mismatches } = await replayJournal(stack.commands);
  expect(verdicts).toBeGreaterThan(100);
  expect(mismatches).toBe(0);
});
