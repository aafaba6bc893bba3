import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { defaultShape } from "../../scripts/rehearsal/load-plan.ts";
import { clusterObjects } from "../../scripts/rehearsal/leftovers.ts";
import { AdminDatabase } from "../../scripts/rehearsal/admin-database.ts";
import { stackDatabase } from "../../scripts/rehearsal/stack-set-up.ts";
import { declaredState } from "./support/declared-state.ts";
import { startStackUnderTest, type StackUnderTest } from "./support/stack-under-test.ts";

const stackName = "interrupted";

/** Up creates V2 and raises the traffic, down deletes it: both directions are killed at five moments each. */
const directions = ["p25", "baseline"] as const;

type Stage = (typeof directions)[number];

let test: StackUnderTest;
let before: Set<string>;
const seconds: Partial<Record<Stage, number>> = {};
const states: Partial<Record<Stage, readonly string[]>> = {};

beforeAll(async () => {
  test = await startStackUnderTest(stackName);
  const { stack } = test;
  before = await clusterObjects(stack.commands);
  await stack.enter("baseline");
  await stack.startLoad({ ...defaultShape, rate: 60 });
  for (const stage of directions) {
    const { upSeconds } = await stack.enter(stage);
    seconds[stage] = upSeconds;
    states[stage] = await declaredState(stack.commands);
  }
});

afterAll(async () => {
  await test?.stop();
});

/**
 * Kills an `up` to a stage when this share of its time is over. One that was quicker than the last one ends before:
 * then it is undone and killed at the same share of its own time.
 */
async function killAt(stage: Stage, share: number): Promise<void> {
  const { commands } = test.stack;
  for (let tries = 0; tries < 4; tries++) {
    await commands.setConfig({ stage });
    const begunAt = performance.now();
    if (await commands.killedUp(share * (seconds[stage] ?? 0))) return;
    seconds[stage] = (performance.now() - begunAt) / 1000;
    await test.stack.enter(stage === "p25" ? "baseline" : "p25");
  }
  throw new Error(`no up to ${stage} ran as long as the one before it`);
}

describe("an up that is killed, cancelled and repeated", () => {
  const moments = Array.from({ length: 10 }, (_, index) => ({
    stage: directions[index % 2] ?? "p25",
    share: (index + 0.5) / 10,
  }));

  it.each(moments)("ends where it would have ended: $stage, killed at $share", async (moment) => {
    const { stage, share } = moment;
    const { stack } = test;
    await killAt(stage, share);
    await stack.commands.cancel();
    await stack.commands.up();
    const percentage = stage === "p25" ? 25 : 0;
    await stack.observed.until(`${percentage} % to be applied`, 10, () =>
      stack.observed.convergedSince(percentage),
    );
    expect(await declaredState(stack.commands)).toEqual(states[stage]);
    const again = await stack.commands.up({ args: ["--expect-no-changes"], mayFail: true });
    expect(again.output).not.toMatch(/\d+ (created|updated|replaced|deleted)/);
    expect(again.code).toBe(0);
  });

  it("has lost nothing", async () => {
    const { stack } = test;
    await stack.stopLoad();
    const verification = await stack.verifyPrograms();
    stack.accounting.settle();
    const totals = stack.accounting.totals();
    expect(totals.examples).toEqual([]);
    expect(totals.outcomes).toMatchObject({ lost: 0, failed: 0, reported: 0 });
    expect(totals).toMatchObject({ mispredicted: 0, wronglyServed: 0 });
    expect(verification).toMatchObject({ notListed: [], notExecutable: [], reappeared: [] });
    expect(verification.programs).toBeGreaterThan(50);
  });

  it("leaves nothing behind that destroy does not remove", async () => {
    const { stack, environment } = test;
    await stack.end();
    await stack.commands.destroy();
    const left = [...(await clusterObjects(stack.commands))].filter((name) => !before.has(name));
    const inDatabase = await new AdminDatabase(environment).objectsNamed(stackDatabase(stackName));
    expect([...left, ...inDatabase]).toEqual([]);
  });
});
