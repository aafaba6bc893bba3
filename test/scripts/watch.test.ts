import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { StackFixture } from "../lib/stack-fixture.ts";
import { startStack } from "../lib/stack-fixture.ts";

const clear = "\u001b[H\u001b[2J";

let stack: StackFixture;

beforeEach(async () => {
  stack = await startStack();
});

afterEach(() => stack.close());

/** Output of a number of looks, the first as quickly as the next. */
const looks = (count: number, ...argv: string[]) =>
  stack.start("watch", "--interval", "0.5", "--count", String(count), ...argv);

/** Waits for so many lines on standard output. */
async function lines(child: ReturnType<StackFixture["start"]>["child"], count: number) {
  let seen = 0;
  await new Promise<void>((done) => {
    child.stdout?.on("data", (chunk: Buffer) => {
      seen += chunk.toString().split("\n").length - 1;
      if (seen >= count) done();
    });
  });
}

describe("watch", () => {
  it("is a line each time something changes where there is no terminal", async () => {
    const { child, result } = looks(4);
    await lines(child, 1);
    await stack.run("brake", "--reason", "test");
    const { code, stdout } = await result;
    expect(code).toBe(0);
    const shown = stdout.trimEnd().split("\n");
    expect(shown.map((line) => line.replace(/^\S+Z /, ""))).toEqual([
      "p25 25 % applied; V1 30/s 0.4 % failed p99 45 ms; V2 30/s 0.4 % failed p99 45 ms; hold: 1,200 of 1,900 sessions needed to pass",
      "p25 25 % applied, brake ENGAGED; V1 30/s 0.4 % failed p99 45 ms; V2 30/s 0.4 % failed p99 45 ms; hold: 1,200 of 1,900 sessions needed to pass",
    ]);
  });

  it("draws the view again and again on a terminal, and ends cleanly on Ctrl-C", async () => {
    const { child, result } = stack.startOnTerminal("watch", "--interval", "0.5");
    await lines(child, 30);
    child.stdin?.write("\u0003");
    const { code, stdout } = await result;
    expect(code).toBe(130);
    const views = stdout.split(clear);
    expect(views.length).toBeGreaterThan(2);
    expect(views[1]?.replaceAll("\r", "").trimEnd().split("\n")).toEqual([
      expect.stringMatching(
        /^dev {2}stage p25: 25 % commanded, 25 % applied {2}\d\d:\d\d:\d\d UTC$/,
      ),
      "brake released",
      "",
      "side   sessions requests/s     failed        p50        p95        p99",
      "V1       75.0 %       30.0      0.4 %      12 ms      30 ms      45 ms",
      "V2       25.0 %       30.0      0.4 %      12 ms      30 ms      45 ms",
      "",
      "failed    [#####.........................] e-value 3.0 of 1,200; this stage 1.0 of 7,200; x5 and more excluded",
      "evidence  [###################...........] 1,200 of 1,900 sessions needed to pass",
      "age       [########################......] 720 of 900 s",
      "",
      "verdict   hold (healthy)",
      "  1,200 of 1,900 sessions needed to pass",
    ]);
  });

  it("is a JSON object a look with --json", async () => {
    const { stdout } = await looks(2, "--json").result;
    const seen = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as object);
    expect(seen).toHaveLength(2);
    expect(seen[0]).toMatchObject({
      stack: "dev",
      rollout: { stage: "p25", percentage: 25 },
      engagements: [],
      guard: { pod: "guard-a", leads: true, verdict: { kind: "hold" } },
    });
  });

  it("goes on while the API server does not answer, and says so", async () => {
    const { child, result } = looks(5);
    await lines(child, 1);
    stack.server.intercept = () => "cut";
    await lines(child, 1);
    stack.server.intercept = () => undefined;
    const { code, stdout } = await result;
    expect(code).toBe(0);
    expect(stdout).toMatch(/^\S+Z p25 .*\n\S+Z .*socket hang up\n(.*\n)*\S+Z p25 .*\n$/);
  });

  it("ends with the reason where it may not look", async () => {
    const { child, result } = looks(20);
    await lines(child, 1);
    stack.server.intercept = () => ({ status: 403, message: "no" });
    const { code, stderr } = await result;
    expect(code).toBe(2);
    expect(stderr).toMatch(/403/);
  });

  it("says that nobody judges where no guard reports", async () => {
    for (const guard of stack.guards) guard.report = undefined;
    const { stdout } = await looks(1).result;
    expect(stdout).toMatch(/^\S+Z p25: no guard reports\n$/);
  });

  it.each([
    ["--interval", "0", "use a number of seconds from 0.5 to 60"],
    ["--interval", "x", "use a number of seconds from 0.5 to 60"],
    ["--count", "0", "use a whole number from 1"],
    ["--count", "1.5", "use a whole number from 1"],
    ["--count", "abc", "use a whole number from 1"],
  ])("refuses %s %s, and says what it takes", async (option, value, allowed) => {
    const { code, stderr } = await stack.run("watch", option, value);
    expect(code).toBe(2);
    expect(stderr).toContain(`${option} is "${value}": ${allowed}\n`);
  });
});
