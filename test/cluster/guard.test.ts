import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { defaultShape } from "../../scripts/rehearsal/load-plan.ts";
import type { FaultPlan } from "../../scripts/rehearsal/fault-plans.ts";
import { faultPlans } from "../../scripts/rehearsal/fault-plans.ts";
import { tryFault } from "../../scripts/rehearsal/fault-trial.ts";
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
  await stack.enter("p25");
  journal = await GuardJournal.connect(environment, stackName);
});

afterAll(async () => {
  await journal?.close();
  await test?.stop();
  writeGuardTable(cases);
});

interface Guards {
  readonly guards: {
    readonly pod: string;
    readonly report?: {
      readonly leads: boolean;
      readonly journal: { readonly waiting: number; readonly problem: string | null };
      readonly routers: { readonly expected: number; readonly reporting: number };
    };
  }[];
}

/** Both guards report, one of them leads, and its journal has nothing left to write. */
async function settled(): Promise<void> {
  const look = async () => {
    const { code, output } = await test.stack.commands.stackVerb("status", ["--json"], {
      mayFail: true,
    });
    if (code !== 0) return output;
    const { guards } = JSON.parse(output) as Guards;
    return guards.map(({ report }) => [
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
  const plan = faultPlans.find((one) => one.name === name);
  if (plan === undefined) throw new Error(`no fault is planned as ${name}`);
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

describe.each(circumstances)("with %s", (circumstance) => {
  it.each([failing, breaking, shared])("%s", async (fault) => {
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
  });
});

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
  const { verdicts, mismatches } = await replayJournal(stack.commands);
  expect(verdicts).toBeGreaterThan(100);
  expect(mismatches).toBe(0);
});
