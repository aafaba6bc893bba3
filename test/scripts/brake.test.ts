import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { configMapPath } from "../lib/simulated-router.ts";
import type { StackFixture } from "../lib/stack-fixture.ts";
import { startStack, user } from "../lib/stack-fixture.ts";

let stack: StackFixture;

beforeEach(async () => {
  stack = await startStack();
});

afterEach(() => stack.close());

/** The only engagement in the ConfigMap. */
function engagement() {
  const entries = Object.entries(stack.brakeData());
  expect(entries).toHaveLength(1);
  const [key = "", value = ""] = entries[0] ?? [];
  return { key, record: JSON.parse(value) as Record<string, string> };
}

describe("brake", () => {
  it("writes who, when and why, and waits until every replica applies 0 %", async () => {
    const { code, stdout, stderr } = await stack.run("brake", "--reason", "p99 doubled");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const { key, record } = engagement();
    expect(key).toMatch(/^engaged\.\d{8}T\d{6}Z-[0-9a-f]{6}$/);
    expect(record).toEqual({
      who: user,
      source: "SelfSubjectReview",
      why: "p99 doubled",
      when: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/) as string,
    });
    expect(stdout).toContain(`${user} (SelfSubjectReview)`);
    expect(stdout).toMatch(/all traffic on V1: 2 of 2 router replicas apply 0 %, after \d+\.\d s/);
    expect(stack.replicas.map(({ appliedPercentage }) => appliedPercentage)).toEqual([0, 0]);
  });

  it("run again finds its engagement; another reason makes another", async () => {
    await stack.run("brake", "--reason", "one");
    const before = stack.brakeData();
    const { code, stdout } = await stack.run("brake", "--reason", "one");
    expect(code).toBe(0);
    expect(stdout).toContain("already engaged: ");
    expect(stack.brakeData()).toEqual(before);
    await stack.run("brake", "--reason", "two");
    expect(Object.keys(stack.brakeData())).toHaveLength(2);
  });

  it("prints one JSON object, and no token", async () => {
    const { stdout, stderr } = await stack.run("brake", "--reason", "x", "--json");
    expect(JSON.parse(stdout)).toMatchObject({
      stack: "dev",
      namespace: "pool-migration-dev",
      outcome: "engaged",
      engagement: { who: user, why: "x" },
      alreadyEngaged: false,
      replicas: [
        { pod: "router-a", braked: true, report: { appliedPercentage: 0 } },
        { pod: "router-b", braked: true },
      ],
    });
    expect(stdout + stderr).not.toMatch(/agent-token|token-of-jane/);
  });

  it("writes nothing on a dry run", async () => {
    const { code, stdout } = await stack.run("brake", "--reason", "x", "--dry-run");
    expect(code).toBe(0);
    expect(stdout).toContain("would engage in namespace pool-migration-dev");
    expect(stack.brakeData()).toEqual({});
  });

  it("names an agent that does not answer, and ends with 3", async () => {
    Object.assign(stack.replicas[1] ?? {}, { reachable: false });
    const { code, stdout } = await stack.run("brake", "--reason", "x", "--timeout", "1");
    expect(code).toBe(3);
    expect(stdout).toContain("NOT CONFIRMED after 1 s: 1 of 2 router replicas");
    expect(stdout).toContain("router-b: no report: ");
    expect(stdout).not.toContain("router-a:");
    expect(engagement().record["why"]).toBe("x");
  });

  it("names a replica that answers but still sends traffic to V2, and ends with 2", async () => {
    Object.assign(stack.replicas[0] ?? {}, { follows: false });
    const { code, stdout } = await stack.run("brake", "--reason", "x", "--timeout", "1");
    expect(code).toBe(2);
    expect(stdout).toContain("router-a: brake not seen yet, 25 % applied");
  });

  it("tells after two seconds what it waits for", async () => {
    Object.assign(stack.replicas[0] ?? {}, { follows: false });
    const { stderr } = await stack.run("brake", "--reason", "x", "--timeout", "3");
    expect(stderr).toMatch(/… \d s: router-a: brake not seen yet, 25 % applied/);
  });

  it("writes although the brake cannot be read and nobody says who it is", async () => {
    stack.server.intercept = ({ method, path }) =>
      path.endsWith("selfsubjectreviews") || (method === "GET" && path.endsWith("/brake"))
        ? { status: 403 }
        : undefined;
    const { code } = await stack.run("brake", "--reason", "x");
    expect(code).toBe(0);
    expect(engagement().record["source"]).toBe("operating system");
  });

  it("writes again until the API server answers", async () => {
    let failures = 0;
    stack.server.intercept = ({ method }) =>
      method === "PATCH" && ++failures <= 2
        ? failures === 1
          ? "cut"
          : { status: 500 }
        : undefined;
    const { code } = await stack.run("brake", "--reason", "x");
    expect({ code, failures }).toEqual({ code: 0, failures: 3 });
  });

  it("is refused without the right to patch, and says what the server said", async () => {
    stack.server.intercept = ({ method }) =>
      method === "PATCH" ? { status: 403, message: "cannot patch configmaps" } : undefined;
    const { code, stderr } = await stack.run("brake", "--reason", "x");
    expect(code).toBe(2);
    expect(stderr).toMatch(/^brake: PATCH .*configmaps\/brake: 403 cannot patch configmaps\n$/);
  });

  it("ends with 3 when the API server does not answer", async () => {
    await stack.server.close();
    const { code, stderr } = await stack.run("brake", "--reason", "x", "--timeout", "1");
    expect(code).toBe(3);
    expect(stderr).toContain(`no answer from ${stack.server.url}`);
    expect(stderr).toContain("npm run brake -- --agent http://<address of a router pod>:9090");
  });

  it("says what a missing ConfigMap means", async () => {
    stack.server.remove(configMapPath("brake"));
    const { code, stderr } = await stack.run("brake", "--reason", "x");
    expect(code).toBe(2);
    expect(stderr).toContain("every router that sees so holds the brake by itself");
  });

  it("does not claim success without any replica", async () => {
    await stack.close();
    stack = await startStack({ replicas: [] });
    const { code, stdout } = await stack.run("brake", "--reason", "x", "--timeout", "1");
    expect(code).toBe(2);
    expect(stdout).toContain("no router replica is running");
  });

  it("says that it has no effect once V1 is gone", async () => {
    await stack.close();
    stack = await startStack({ stage: "retired", percentage: 100 });
    const { code, stdout } = await stack.run("brake", "--reason", "x");
    expect(code).toBe(2);
    expect(stdout).toContain("V1 is gone");
  });

  it("ends at once on Ctrl-C and keeps what is written", async () => {
    Object.assign(stack.replicas[0] ?? {}, { follows: false });
    const { child, result } = stack.start("brake", "--reason", "x", "--timeout", "60");
    // Interrupt while it waits, that is after it wrote and asked for a report; once, although it asks two replicas.
    stack.server.intercept = ({ path }) => {
      if (path.endsWith("/report") && !child.killed) child.kill("SIGINT");
      return undefined;
    };
    const { code, stderr } = await result;
    expect(code).toBe(130);
    expect(stderr).toContain("brake: interrupted");
    expect(engagement().record["why"]).toBe("x");
  });
});
