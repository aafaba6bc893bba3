import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { configMapPath } from "../lib/simulated-router.ts";
import type { StackFixture } from "../lib/stack-fixture.ts";
import { startStack } from "../lib/stack-fixture.ts";

let stack: StackFixture;

beforeEach(async () => {
  stack = await startStack();
});

afterEach(() => stack.close());

describe("status", () => {
  it("shows the whole state in ten lines", async () => {
    const { code, stdout } = await stack.run("status");
    expect(code).toBe(0);
    expect(stdout.trimEnd().split("\n")).toEqual([
      "stack     dev (namespace pool-migration-dev)",
      "stage     p25: 25 % commanded; 25 % for 12 min",
      "applied   25 % (all 2 replicas)",
      "observed  25.00 % of 4,800 sessions are on V2 (expected 25 % within 2.50)",
      "brake     released",
      "verdict   hold: 1,200 of 1,900 sessions needed to pass",
      "waiting   nothing (all 2 replicas)",
      "requests  V1 2,400 (4 failed); V2 2,400 (4 failed, 6 served by V1); overrides 2",
      "routers   2 of 2 report; ready hosts V1 2, V2 2 (all 2 replicas); log 0 lines lost, 0 unreadable; API contact yes (all 2 replicas); agents http://10.0.0.1:9090 http://10.0.0.2:9090",
      "guards    2 of 2 report; guard-a leads; journal written",
    ]);
  });

  it("says who watches, how old the verdict is and what waits for the database", async () => {
    const [a, b] = stack.guards;
    Object.assign(a ?? {}, { report: undefined });
    const journal = { enabled: true, waiting: 40, writtenAt: null, problem: "connection refused" };
    const old = { at: Date.now() - 60_000, leads: false, journal };
    Object.assign(b ?? {}, { report: b?.report && { ...b.report, ...old } });
    const { code, stdout } = await stack.run("status");
    expect(code).toBe(0);
    expect(stdout).toMatch(/verdict {3}hold \(6[0-9] s old\): 1,200 of/);
    expect(stdout).toMatch(/guards {4}1 of 2 report; guard-a: no report: .*; none holds the Lease/);
    expect(stdout).toContain("40 entries of the journal wait (connection refused)");
    for (const name of ["guard-a", "guard-b"]) {
      stack.server.remove(`/api/v1/namespaces/pool-migration-dev/pods/${name}`);
    }
    const without = await stack.run("status");
    expect(without.stdout).toContain("guards    none is running: nobody brakes but people\n");
    expect(without.stdout).toContain("verdict   not known: no guard has judged\n");
  });

  it("says that a higher stage moves nothing while the brake is engaged", async () => {
    await stack.run("brake", "--reason", "test");
    stack.server.write(configMapPath("rollout"), {
      metadata: { name: "rollout" },
      data: { stage: "p75", percentage: "75" },
    });
    const { stdout } = await stack.run("status");
    expect(stdout).toContain("stage     p75: 75 % commanded\n");
    expect(stdout).toContain("applied   0 % (all 2 replicas)\n");
    expect(stdout).toContain(
      "brake     ENGAGED, V2 gets 0 % until it is released, whatever is declared; ",
    );
  });

  it("tells the replicas apart where they differ, and what a raise waits for", async () => {
    const waiting = "the raise from 10 % to 25 % waits for a ready V2 host";
    Object.assign(stack.replicas[1] ?? {}, { appliedPercentage: 10, waiting });
    const { stdout } = await stack.run("status");
    expect(stdout).toContain("applied   router-a: 25 %; router-b: 10 %\n");
    expect(stdout).toContain(`waiting   router-a: nothing; router-b: ${waiting}\n`);
  });

  it("shows who engaged the brake, when and why", async () => {
    await stack.run("brake", "--reason", "p99 doubled");
    const { stdout } = await stack.run("status");
    expect(stdout).toMatch(
      /brake {5}ENGAGED, V2 gets 0 % until it is released, whatever is declared; \S+: jane@example.test \(SelfSubjectReview\) at \S+Z: p99 doubled/,
    );
    expect(stdout).toContain("applied   0 % (all 2 replicas)");
  });

  it("names a replica without a report and ends with 3", async () => {
    Object.assign(stack.replicas[0] ?? {}, { reachable: false });
    const { code, stdout } = await stack.run("status");
    expect(code).toBe(3);
    expect(stdout).toMatch(/routers {3}1 of 2 report; router-a: no report: .*connection refused/);
    expect(stdout).toContain("applied   25 %\n");
  });

  it("ends with 2 while no replica is running", async () => {
    await stack.close();
    stack = await startStack({ replicas: [] });
    const { code, stdout } = await stack.run("status");
    expect(code).toBe(2);
    expect(stdout).toContain("applied   no router replica is running\n");
  });

  it("prints one JSON object", async () => {
    const { stdout } = await stack.run("status", "--json");
    expect(JSON.parse(stdout)).toMatchObject({
      stack: "dev",
      namespace: "pool-migration-dev",
      rollout: { stage: "p25", percentage: 25 },
      brake: { engaged: false, engagements: [] },
      replicas: [{ pod: "router-a", report: { appliedPercentage: 25 } }, { pod: "router-b" }],
    });
  });

  it("takes the namespace from the stack, from Pulumi's variable or as named", async () => {
    const named = await stack.run("status", "--namespace", "pool-migration-dev", "--stack", "x");
    expect(named.code).toBe(0);
    const other = await stack.run("status", "--stack", "acme/pool-migration/prod");
    expect(other.code).toBe(2);
    expect(other.stderr).toContain("no stack is deployed in namespace pool-migration-prod");
    const impossible = await stack.run("status", "--stack", "Dev_1");
    expect(impossible.code).toBe(2);
    expect(impossible.stderr).toContain('"Dev_1" cannot name a Kubernetes namespace');
  });

  it("says what is wrong with a rollout record that no stack wrote", async () => {
    stack.server.write(configMapPath("rollout"), {
      metadata: { name: "rollout" },
      data: { stage: "p25", percentage: "101" },
    });
    const { code, stderr } = await stack.run("status");
    expect(code).toBe(2);
    expect(stderr).toContain('percentage "101" is not an integer from 0 to 100');
  });

  it("says that the token was refused, without showing it", async () => {
    stack.server.write(`/api/v1/namespaces/pool-migration-dev/secrets/router-tokens-1a2b`, {
      metadata: { name: "router-tokens-1a2b" },
      data: { agent: Buffer.from("outdated-token").toString("base64") },
    });
    const { code, stdout, stderr } = await stack.run("status");
    expect(code).toBe(3);
    expect(stdout).toContain("0 of 2 report; router-a: no report: ");
    expect(stdout + stderr).not.toContain("outdated-token");
  });
});
