import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { configMapPath, report } from "../lib/simulated-router.ts";
import type { StackFixture } from "../lib/stack-fixture.ts";
import { startStack, user } from "../lib/stack-fixture.ts";

let stack: StackFixture;

beforeEach(async () => {
  stack = await startStack({ stage: "p50", percentage: 50 });
});

afterEach(() => stack.close());

const because = ["--reason", "fixed in build 7", "--yes"];

/** Writes engagements as others would, and lets the agents see them. */
function engage(data: Record<string, string>) {
  stack.server.write(configMapPath("brake"), { metadata: { name: "brake" }, data });
  for (const replica of stack.replicas) report(stack.server, replica);
}

const record = (source: string) =>
  JSON.stringify({ who: "someone", when: "2026-11-23T15:00:00Z", why: "errors", source });

describe("release", () => {
  it("releases all engagements shown and waits until every replica follows the stage", async () => {
    engage({ "engaged.one": record("SelfSubjectReview"), engaged: "by hand" });
    const { code, stdout } = await stack.run("release", ...because);
    expect(code).toBe(0);
    expect(stdout).toContain("one: someone (SelfSubjectReview) at 2026-11-23T15:00:00Z: errors");
    expect(stdout).toContain("anonymous: unknown: by hand");
    expect(stdout).toContain("2 of 2 router replicas apply 50 % (stage p50)");
    const { "released.one": one = "", ...rest } = stack.brakeData();
    expect(JSON.parse(one)).toMatchObject({ who: user, why: "fixed in build 7" });
    expect(Object.keys(rest)).toEqual(["released.anonymous"]);
  });

  it("releases what agents hold although the object lost it", async () => {
    engage({ "engaged.one": record("SelfSubjectReview") });
    stack.server.write(configMapPath("brake"), { metadata: { name: "brake" } });
    const { code } = await stack.run("release", ...because);
    expect(code).toBe(0);
    expect(Object.keys(stack.brakeData())).toEqual(["released.one"]);
    expect(stack.replicas.map(({ appliedPercentage }) => appliedPercentage)).toEqual([50, 50]);
  });

  it("releases the hold of a vanished object once it is there again", async () => {
    stack.server.remove(configMapPath("brake"));
    const gone = await stack.run("release", ...because);
    expect(gone.code).toBe(2);
    expect(gone.stderr).toContain("pulumi up --refresh --stack dev makes it");
    expect(stack.replicas[0]?.held.map(({ id }) => id)).toEqual(["absent"]);
    stack.server.write(configMapPath("brake"), { metadata: { name: "brake" } });
    const { code } = await stack.run("release", ...because);
    expect(code).toBe(0);
    expect(Object.keys(stack.brakeData())).toEqual(["released.absent"]);
  });

  it("releases only the ids named, and says what stays engaged", async () => {
    engage({ "engaged.one": record("a"), "engaged.two": record("b") });
    const { code, stdout } = await stack.run("release", ...because, "--id", "one");
    expect(code).toBe(0);
    expect(stdout).toContain("still engaged:\n  two: ");
    expect(stdout).toContain("2 of 2 router replicas apply 0 %");
    expect(Object.keys(stack.brakeData()).sort()).toEqual(["engaged.two", "released.one"]);
  });

  it("refuses an id that is not engaged, and lists those that are", async () => {
    engage({ "engaged.one": record("a") });
    const { code, stderr } = await stack.run("release", ...because, "--id", "other");
    expect(code).toBe(2);
    expect(stderr).toContain('--id is "other": no such engagement; engaged: one');
  });

  it("refuses after a guard's rollback above p5, unless forced", async () => {
    engage({ "engaged.one": record("guard") });
    const refused = await stack.run("release", ...because);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain("the declared stage is p50");
    expect(refused.stderr).toContain("pulumi config set stage p5 --stack dev");
    expect(Object.keys(stack.brakeData())).toEqual(["engaged.one"]);
    const forced = await stack.run("release", ...because, "--force");
    expect(forced.code).toBe(0);
  });

  it("releases a guard's rollback at p5", async () => {
    await stack.close();
    stack = await startStack({ stage: "p5", percentage: 5 });
    engage({ "engaged.one": record("guard") });
    const { code } = await stack.run("release", ...because);
    expect(code).toBe(0);
  });

  it("asks, and off a terminal wants --yes", async () => {
    engage({ "engaged.one": record("a") });
    const { code, stderr } = await stack.run("release", "--reason", "x");
    expect(code).toBe(2);
    expect(stderr).toContain("V2's share goes to 50 % (stage p50).");
    expect(stderr).toContain("repeat the command with --yes");
    expect(Object.keys(stack.brakeData())).toEqual(["engaged.one"]);
  });

  it.each([
    ["no", 2, ["engaged.one"]],
    ["yes", 0, ["released.one"]],
  ])("does on a terminal what the answer %s says", async (answer, code, keys) => {
    engage({ "engaged.one": record("a") });
    const { child, result } = stack.startOnTerminal("release", "--reason", "x");
    child.stdout?.on("data", (text: string) => {
      if (text.includes("Type yes to go on: ")) child.stdin?.write(`${answer}\r`);
    });
    expect((await result).code).toBe(code);
    expect(Object.keys(stack.brakeData())).toEqual(keys);
  });

  it("done twice changes nothing the second time", async () => {
    engage({ "engaged.one": record("a") });
    await stack.run("release", ...because);
    const before = stack.brakeData();
    const { code, stdout } = await stack.run("release", ...because);
    expect(code).toBe(0);
    expect(stdout).toContain("the brake is not engaged: nothing to release");
    expect(stack.brakeData()).toEqual(before);
  });

  it("tells what a replica waits for, and ends with 2", async () => {
    engage({ "engaged.one": record("a") });
    for (const replica of stack.replicas) replica.waiting = "the raise waits for a ready V2 host";
    const { code, stdout } = await stack.run("release", ...because, "--timeout", "1");
    expect(code).toBe(2);
    expect(stdout).toContain("NOT CONFIRMED after 1 s: 0 of 2 router replicas");
    expect(stdout).toContain(
      "router-b: brake released, 0 % applied, the raise waits for a ready V2 host",
    );
  });

  it("shows an engagement that was made meanwhile", async () => {
    engage({ "engaged.one": record("a") });
    stack.server.intercept = ({ method }) => {
      if (method === "PATCH") {
        const data = { ...stack.brakeData(), "engaged.new": record("guard") };
        stack.server.write(configMapPath("brake"), { metadata: { name: "brake" }, data });
      }
      return undefined;
    };
    const { code, stdout } = await stack.run("release", ...because);
    expect(code).toBe(0);
    expect(stdout).toContain("still engaged:\n  new: someone (guard)");
    expect(stdout).toContain("2 of 2 router replicas apply 0 %");
  });

  it("writes nothing on a dry run, and shows what would stay engaged", async () => {
    const engaged = { "engaged.one": record("a"), "engaged.two": record("b") };
    engage(engaged);
    const options = ["--reason", "x", "--dry-run", "--id", "one"];
    const { code, stdout } = await stack.run("release", ...options);
    expect(code).toBe(0);
    expect(stdout).toContain("would release in namespace pool-migration-dev:\n  one: ");
    expect(stdout).toContain("still engaged:\n  two: ");
    expect(stack.brakeData()).toEqual(engaged);
  });

  it("prints one JSON object", async () => {
    engage({ "engaged.one": record("a") });
    const { stdout } = await stack.run("release", ...because, "--json");
    expect(JSON.parse(stdout)).toMatchObject({
      outcome: "released",
      stage: "p50",
      released: [{ id: "one" }],
      stillEngaged: [],
      replicas: [{ follows: true }, { follows: true }],
    });
  });
});
