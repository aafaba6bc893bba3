import { afterAll, beforeAll, expect, it } from "vitest";
import { AdminDatabase } from "../../scripts/rehearsal/admin-database.ts";
import { clusterObjects } from "../../scripts/rehearsal/leftovers.ts";
import { stackDatabase } from "../../scripts/rehearsal/stack-set-up.ts";
import { startStackUnderTest, type StackUnderTest } from "./support/stack-under-test.ts";

let test: StackUnderTest;
let before: Set<string>;

beforeAll(async () => {
  test = await startStackUnderTest("lifecycle");
  before = await clusterObjects(test.stack.commands);
  await test.stack.enter("p10");
});

afterAll(async () => {
  await test?.stop();
});

it("the preview of a stage step is a handful of lines that name the percentages", async () => {
  const { commands } = test.stack;
  await commands.setConfig({ stage: "p25" });
  const short = await commands.preview();
  const detailed = await commands.preview(["--diff"]);
  await commands.setConfig({ stage: "p10" });
  for (const { output } of [short, detailed]) {
    expect(output).toMatch(/~ percentage +: 10 => 25/);
    expect(output).toMatch(/Resources:\n +~ 1 to update\n/);
    expect(output.split("\n").filter((line) => line.trim() !== "").length).toBeLessThan(30);
  }
  expect(detailed.output).toMatch(/~ percentage: "10" => "25"/);
});

it("a second up changes nothing", async () => {
  const { commands } = test.stack;
  const rolloutBefore = test.stack.observed.rollout?.resourceVersion;
  const up = await commands.up({ args: ["--expect-no-changes"] });
  expect(up.output).toMatch(/\d+ unchanged/);
  expect(up.output).not.toMatch(/\d+ (created|updated|replaced|deleted)/);
  expect(test.stack.observed.rollout?.resourceVersion).toBe(rolloutBefore);
});

it("an up does not release the brake", async () => {
  const { commands, observed } = test.stack;
  await commands.stackVerb("brake", ["--reason", "test"]);
  await test.stack.enter("p25", { braked: true });
  expect(observed.reports.every(({ brake }) => brake.engaged)).toBe(true);
  expect(observed.appliedPercentage).toBe(0);
  await commands.stackVerb("release", ["--reason", "test", "--yes"]);
  expect(observed.rollout?.percentage).toBe(25);
  await observed.until("25 % to be applied", 10, () => observed.convergedSince(25));
});

it("traffic is lowered although another resource of the same up is refused at once", async () => {
  const { commands, observed } = test.stack;
  // No further Secret may be created, and a changed setting of V2 needs a new one.
  await commands.kubectl(["create", "quota", "no-secrets", "--hard=count/secrets=1"]);
  await commands.setConfig({ "v2.settings.POOL_EXECUTION_MS": "3" });
  const { up } = await test.stack.enter("p5", { mayFail: true });
  expect(up.code).not.toBe(0);
  expect(up.output).toMatch(/exceeded quota: no-secrets/);
  expect(observed.appliedPercentage).toBe(5);
  await commands.kubectl(["delete", "quota", "no-secrets"]);
  expect((await commands.up()).code).toBe(0);
});

it("traffic is lowered although the database is away", async () => {
  const { environment, stack } = test;
  await stack.enter("p25");
  await environment.killComponent("postgres");
  try {
    await stack.enter("shadow", { mayFail: true });
    expect(stack.observed.appliedPercentage).toBe(0);
  } finally {
    await environment.startComponent("postgres");
  }
  expect((await stack.commands.up()).code).toBe(0);
});

it("destroy leaves nothing behind", async () => {
  const { environment, stack } = test;
  await stack.commands.destroy();
  const after = await clusterObjects(stack.commands);
  expect([...after].filter((name) => !before.has(name))).toEqual([]);
  const database = new AdminDatabase(environment);
  expect(await database.objectsNamed(stackDatabase("lifecycle"))).toEqual([]);
});
