import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { AgentReport } from "../../infra/rollout/agent-report.ts";
import { releasePatch } from "../../infra/rollout/brake.ts";
import { renderClusters } from "../../infra/rollout/envoy-clusters.ts";
import { replaceFile } from "../../scripts/agents/router/atomic-file.ts";
import { RouterPod, agentToken } from "./support/router-pod.ts";

const release = { who: "test", when: "2026-01-01T00:00:00Z", why: "test" };

const waitsForHost = ({ waiting }: AgentReport): boolean =>
  Boolean(waiting?.includes("ready V2 host"));

describe("the router-agent beside a real Envoy", { timeout: 60_000 }, () => {
  let pod: RouterPod;

  beforeAll(async () => {
    pod = await RouterPod.create("p25", 25);
    await pod.start();
  });

  afterAll(() => pod.destroy());

  /** Each test begins with both pools and without a brake. */
  beforeEach(async () => {
    await pod.world.v2.start();
    const { engagements } = (await pod.report()).brake;
    const ids = engagements.map(({ id }) => id);
    if (ids.length > 0) pod.api.patch("brake", releasePatch(ids, release).data);
    await pod.reportWhere("a clean start", (r) => !r.brake.engaged && r.readyHosts.v2 === 1);
  });

  it("applies what the stack commands, and says so from Envoy's own configuration", async () => {
    pod.rollout("p25", 25);
    const first = await pod.applied(25);
    expect(first.revision).toBe(first.commanded.revision);
    expect(first.commanded).toMatchObject({ stage: "p25", percentage: 25 });
    const version = pod.rollout("p50", 50);
    const report = await pod.applied(50);
    expect(report.revision).toMatch(`r${version}.`);
    expect(report.readyHosts).toEqual({ v1: 1, v2: 1 });
    expect(report.apiServer.reachable).toBe(true);
    expect((await fetch(pod.world.url)).headers.get("x-rollout")).toBe(`${report.revision};50`);
  });

  it("applies a new revision with the same percentage, so that applied and commanded can be compared", async () => {
    pod.rollout("p25", 25);
    await pod.applied(25);
    const version = pod.rollout("p25", 25);
    const report = await pod.reportWhere("the new revision", (r) =>
      r.revision.startsWith(`r${version}.`),
    );
    expect(report).toMatchObject({ appliedPercentage: 25, waiting: null });
  });

  it("holds a raise until Envoy sees a ready V2 host, and lowers without one", async () => {
    pod.rollout("p10", 10);
    await pod.applied(10);
    await pod.world.v2.stop();
    await pod.reportWhere("V2 to be gone", ({ readyHosts }) => readyHosts.v2 === 0);
    pod.rollout("p25", 25);
    const waiting = await pod.reportWhere("the raise to wait", waitsForHost);
    expect(waiting.waiting).toBe("the raise from 10 % to 25 % waits for a ready V2 host");
    expect(waiting.appliedPercentage).toBe(10);
    expect(waiting.commanded.percentage).toBe(25);
    pod.rollout("p5", 5);
    await pod.applied(5);
    pod.rollout("p25", 25);
    await pod.reportWhere("the raise to wait", waitsForHost);
    await pod.world.v2.start();
    await pod.applied(25);
  });

  it("brakes, and lets go only when the release names what it holds", async () => {
    pod.rollout("p50", 50);
    await pod.applied(50);
    pod.api.patch("brake", { "engaged.a": JSON.stringify({ ...release, source: "cli" }) });
    const braked = await pod.applied(0);
    expect(braked.brake).toMatchObject({ engaged: true, engagements: [{ id: "a", who: "test" }] });
    expect(braked.commanded.percentage).toBe(50);
    pod.api.put("brake");
    pod.api.remove("brake");
    await pod.reportWhere("the absent brake", ({ brake }) => brake.engagements.length === 2);
    pod.api.put("brake");
    await pod.stopAgent("SIGKILL");
    await pod.startAgent();
    const held = await pod.applied(0);
    expect(held.brake.engagements.map(({ id }) => id)).toEqual(["a", "absent"]);
    pod.api.patch("brake", releasePatch(["absent"], release).data);
    await pod.reportWhere("one release", ({ brake }) => brake.engagements.length === 1);
    pod.api.patch("brake", releasePatch(["a"], release).data);
    expect((await pod.applied(50)).brake.engaged).toBe(false);
  });

  it.each([
    ["an unknown stage", { stage: "p101", percentage: "101" }],
    ["a percentage of another stage", { stage: "p50", percentage: "75" }],
    ["no data", undefined],
  ])("keeps the last usable content of rollout when it has %s, and says so", async (_, data) => {
    pod.rollout("p10", 10);
    const { revision } = await pod.applied(10);
    const version = pod.api.put("rollout", data);
    const report = await pod.reportWhere("a complaint", ({ waiting }) => waiting !== null);
    expect(report.waiting).toContain("ConfigMap rollout");
    expect(report.waiting).toContain("stage p10 with 10 % stays in force");
    expect(report).toMatchObject({ revision, appliedPercentage: 10 });
    expect(report.commanded.revision).toMatch(`r${version}.`);
    // Lowering works all the same.
    pod.api.patch("brake", { engaged: "" });
    await pod.reportWhere("the brake", ({ appliedPercentage }) => appliedPercentage === 0);
  });

  it("shows report and metrics to the token alone", async () => {
    pod.rollout("shadow", 0);
    await pod.applied(0);
    const ask = async (path: string, headers: Record<string, string> = {}): Promise<Response> =>
      fetch(`${pod.agentUrl}${path}`, { headers });
    const bearer = { authorization: `Bearer ${agentToken}` };
    await fetch(pod.world.url);
    for (const path of ["/report", "/metrics"]) {
      expect((await ask(path)).status).toBe(401);
      expect((await ask(path, { authorization: `Bearer ${agentToken}x` })).status).toBe(401);
      expect((await ask(path, { "x-router-token": "" })).status).toBe(401);
      expect((await ask(path, bearer)).status).toBe(200);
      expect((await ask(path, { "x-router-token": agentToken })).status).toBe(200);
    }
    expect((await ask("/livez")).status).toBe(200);
    expect((await ask("/nothing", bearer)).status).toBe(404);
    const { requests } = (
      await pod.reportWhere("a counted request", ({ decisions }) => decisions.v1.requests > 0)
    ).decisions.v1;
    const metrics = await (await ask("/metrics", bearer)).text();
    expect(metrics).toContain("router_commanded_percentage");
    expect(metrics).toContain(`router_decisions_total{decided="v1"} ${requests}`);
    expect(pod.log).not.toContain(agentToken);
  });

  it("puts the clusters back that routes need and Envoy no longer has", async () => {
    pod.rollout("p10", 10);
    await pod.applied(10);
    const { settings, files } = pod.world;
    replaceFile(files.clusters, JSON.stringify(renderClusters(settings, "v2-only")));
    await pod.reportWhere("V1 to be gone", ({ readyHosts }) => readyHosts.v1 === 0);
    pod.rollout("p5", 5);
    await pod.reportWhere("the wait", ({ waiting }) => Boolean(waiting?.includes("clusters")));
    expect((await pod.applied(5)).readyHosts.v1).toBe(1);
  });
});
