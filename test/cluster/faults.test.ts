import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { podsOf } from "../../scripts/rehearsal/pods.ts";
import { killPod, killWorkload, restore } from "./support/pods.ts";
import { startStackUnderTest, type StackUnderTest } from "./support/stack-under-test.ts";
import { answeredIn, secondsWithout, servedByV1, underLoad, type Trial } from "./support/trial.ts";

let test: StackUnderTest;

beforeAll(async () => {
  test = await startStackUnderTest("faults");
  await test.stack.enter("p25");
  // What routers do by themselves shows only where no guard takes V2 off traffic meanwhile.
  await test.stack.commands.kubectl(["scale", "deployment", "guard", "--replicas=0"]);
});

afterAll(async () => {
  await test?.stop();
});

/** Kills the first of the pods of a workload. */
async function killFirst(workload: string): Promise<void> {
  const [victim] = await podsOf(test.stack.commands, workload);
  expect(killPod(victim?.uid ?? "")).toBeGreaterThan(0);
}

const nothing = (): Promise<void> => Promise.resolve();

/** Every request was answered, repeated, or reported as cut; V1 served all the time; no program is gone. */
function expectUnharmed(trial: Trial): void {
  const { totals, verification } = trial;
  expect(totals.examples.filter((example) => example.includes(": lost"))).toEqual([]);
  expect(totals.outcomes.lost).toBe(0);
  expect(totals.verdicts).toMatchObject({ programMissing: 0, wrongAnswer: 0 });
  expect(totals).toMatchObject({ mispredicted: 0, wronglyServed: 0 });
  expect(secondsWithout(trial, trial.brokenAt, trial.endedAt, servedByV1)).toEqual([]);
  expect(verification).toMatchObject({ notListed: [], notExecutable: [], reappeared: [] });
  expect(verification.programs).toBeGreaterThan(50);
}

describe("in the middle of p25", () => {
  it("a killed router pod costs no request that may be repeated", async () => {
    const trial = await underLoad(test.stack, {
      break: () => killFirst("router"),
      seconds: 8,
      repair: nothing,
    });
    expectUnharmed(trial);
    expect(trial.totals.outcomes.failed).toBe(0);
    // The kill was felt: callers had to repeat, or were told that they must not.
    const repeated = trial.records.filter(({ repeats }) => repeats > 0).length;
    expect(repeated + trial.totals.outcomes.reported).toBeGreaterThan(0);
    await test.stack.commands.kubectl([
      ...["rollout", "status", "deployment", "router", "--timeout=60s"],
    ]);
  });

  it("a killed V2 pod is replaced in its requests by the other one and by V1", async () => {
    const trial = await underLoad(test.stack, {
      break: () => killFirst("pool-v2"),
      seconds: 6,
      repair: () => restore(test.stack.commands, "pool-v2"),
    });
    expectUnharmed(trial);
    expect(trial.totals.outcomes.failed).toBe(0);
    expect(trial.totals.withoutLine).toBe(0);
  });

  it("a dead V2 is served by V1, and each such request is logged as decided for V2", async () => {
    const { commands } = test.stack;
    const trial = await underLoad(test.stack, {
      break: () => killWorkload(commands, "pool-v2"),
      seconds: 8,
      repair: () => restore(commands, "pool-v2"),
    });
    expectUnharmed(trial);
    expect(trial.totals.outcomes.failed).toBe(0);
    expect(trial.totals.withoutLine).toBe(0);
    // All that was answered in the dead time was answered by V1, decided for V2 or not.
    const dead = trial.records.filter(
      ({ intendedAt }) => intendedAt > trial.brokenAt + 1000 && intendedAt < trial.repairedAt,
    );
    expect(dead.length).toBeGreaterThan(300);
    expect(new Set(dead.map(({ pool }) => pool))).toEqual(new Set(["v1"]));
    expect(trial.totals.fallbacks).toBeGreaterThan(dead.length * 0.1);
    expect(test.stack.observed.appliedPercentage).toBe(25);
  });

  it("a killed API server is felt by nobody", async () => {
    const { environment, stack } = test;
    const trial = await underLoad(stack, {
      break: () => environment.killComponent("kube-apiserver"),
      seconds: 6,
      repair: () => environment.startComponent("kube-apiserver"),
    });
    expectUnharmed(trial);
    expect(trial.totals.outcomes).toMatchObject({ failed: 0, reported: 0 });
    expect(trial.totals.fallbacks).toBe(0);
    expect(trial.records.filter(({ repeats }) => repeats > 0)).toEqual([]);
    await stack.observed.until("the agents to reach the API server again", 30, () =>
      stack.observed.reports.length === 2 &&
      stack.observed.reports.every(({ apiServer }) => apiServer.reachable)
        ? true
        : undefined,
    );
  });

  it("a killed database costs what must be stored, with an answer that says so", async () => {
    const { environment, stack } = test;
    const trial = await underLoad(stack, {
      break: () => environment.killComponent("postgres"),
      seconds: 5,
      repair: () => environment.startComponent("postgres"),
    });
    expectUnharmed(trial);
    expect(trial.totals.outcomes.reported).toBe(0);
    expect(trial.totals.fallbacks).toBe(0);
    const refused = trial.records.filter(({ status }) => status >= 500);
    expect(refused.length).toBeGreaterThan(50);
    expect(new Set(refused.map(({ status, pool }) => `${status} ${typeof pool}`))).toEqual(
      new Set(["503 string"]),
    );
    // What is known without the database is served without it.
    const served = trial.records.filter(
      ({ intendedAt, operation, status }) =>
        operation === "execute" &&
        status === 200 &&
        intendedAt > trial.brokenAt + 500 &&
        intendedAt < trial.repairedAt,
    );
    expect(served.length).toBeGreaterThan(20);
  });
});

describe("at p5", () => {
  it("a dead V1 sends nothing to V2", async () => {
    const { stack } = test;
    await stack.enter("p5");
    const trial = await underLoad(stack, {
      break: () => killWorkload(stack.commands, "pool-v1"),
      seconds: 8,
      repair: () => restore(stack.commands, "pool-v1"),
      rate: 200,
    });
    const { totals, verification, records, brokenAt, repairedAt } = trial;
    // V1's share has nobody to serve it, and the load tells that. (The pods are dead from eight seconds
    // before the repair on; callers that repeat are answered after it.)
    expect(totals.outcomes.lost).toBeGreaterThan(100);
    expect(totals).toMatchObject({ mispredicted: 0, wronglyServed: 0, fallbacks: 0 });
    expect(answeredIn(trial, repairedAt - 7000, repairedAt, servedByV1)).toEqual([]);
    const rateOfV2 = (from: number, to: number): number =>
      records.filter(
        ({ pool, intendedAt }) => pool === "v2" && intendedAt >= from && intendedAt < to,
      ).length /
      ((to - from) / 1000);
    const before = rateOfV2(brokenAt - 3000, brokenAt);
    const during = rateOfV2(brokenAt, repairedAt);
    // Both are Poisson counts with the same mean: four standard deviations of their difference.
    const chance = 4 * Math.sqrt(before / 3 + before / ((repairedAt - brokenAt) / 1000));
    expect(before).toBeGreaterThan(0);
    expect(during).toBeLessThan(before + chance);
    expect(verification).toMatchObject({ notListed: [], notExecutable: [], reappeared: [] });
  });
});
