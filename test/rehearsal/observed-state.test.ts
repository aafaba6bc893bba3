import { describe, expect, it } from "vitest";
import type { AgentReport } from "../../infra/rollout/agent-report.ts";
import { ObservedState } from "../../scripts/rehearsal/observed-state.ts";

const counts = { requests: 0, failed: 0, fallbacks: 0 };

function report(pod: string, overrides: Partial<AgentReport> = {}): AgentReport {
  return {
    pod,
    revision: "r10.20",
    appliedPercentage: 25,
    commanded: { revision: "r10.20", stage: "p25", percentage: 25 },
    brake: { engaged: false, engagements: [] },
    waiting: null,
    readyHosts: { v1: 2, v2: 2 },
    inFlight: { v1: 0, v2: 0 },
    decisions: { v1: counts, v2: counts },
    overrides: { v1: 0, v2: 0 },
    log: { linesRead: 0, unreadableLines: 0, lostLines: 0 },
    apiServer: { reachable: true, secondsSinceContact: 0 },
    ...overrides,
  };
}

function observedState(): ObservedState {
  const state = new ObservedState();
  state.take({
    type: "object",
    at: 1000,
    name: "rollout",
    resourceVersion: "10",
    data: { stage: "p25", percentage: "25" },
  });
  state.take({ type: "object", at: 1000, name: "brake", resourceVersion: "20", data: {} });
  state.take({ type: "replicas", at: 1000, pods: ["a", "b"] });
  return state;
}

describe("what was observed", () => {
  it("has converged since the last replica first said so", () => {
    const state = observedState();
    expect(state.rollout).toMatchObject({ stage: "p25", percentage: 25, at: 1000 });
    state.take({ type: "report", at: 1100, pod: "a", report: report("a") });
    expect(state.convergedSince(25)).toBeUndefined();
    expect(state.appliedPercentage).toBeUndefined();
    state.take({ type: "report", at: 1300, pod: "b", report: report("b") });
    state.take({ type: "report", at: 1900, pod: "a", report: report("a") });
    expect(state.convergedSince(25)).toBe(1300);
    expect(state.convergedSince(10)).toBeUndefined();
    expect(state.appliedPercentage).toBe(25);
  });

  it("has not converged on a write that the replicas have not applied", () => {
    const state = observedState();
    for (const pod of ["a", "b"])
      state.take({ type: "report", at: 1100, pod, report: report(pod) });
    // The same percentage, written again: commanded and applied differ by revision.
    state.take({
      type: "object",
      at: 2000,
      name: "rollout",
      resourceVersion: "11",
      data: { stage: "p25", percentage: "25" },
    });
    expect(state.convergedSince(25)).toBeUndefined();
  });

  it("is braked once every replica holds an engagement and applies 0 %", () => {
    const state = observedState();
    const braked = { brake: { engaged: true, engagements: [] }, appliedPercentage: 0 };
    state.take({ type: "report", at: 1100, pod: "a", report: report("a", braked) });
    const late = report("b", { ...braked, appliedPercentage: 25 });
    state.take({ type: "report", at: 1200, pod: "b", report: late });
    expect(state.brakedSince()).toBeUndefined();
    state.take({ type: "report", at: 1300, pod: "b", report: report("b", braked) });
    expect(state.brakedSince()).toBe(1300);
  });

  it("knows nothing of a replica that does not answer, and nothing at all without replicas", () => {
    const state = observedState();
    state.take({ type: "report", at: 1100, pod: "a", report: report("a") });
    state.take({ type: "report", at: 1100, pod: "b" });
    expect(state.convergedSince(25)).toBeUndefined();
    expect(state.describe()).toContain("b does not answer");
    state.take({ type: "replicas", at: 1200, pods: [] });
    expect(state.convergedSince(25)).toBeUndefined();
    expect(state.describe()).toContain("no router pod runs");
  });

  it("is waited for, and a wait that is over says where everything stands", async () => {
    const state = observedState();
    const converged = state.until("p25", 5, () => state.convergedSince(25));
    for (const pod of ["a", "b"])
      state.take({ type: "report", at: 1100, pod, report: report(pod) });
    await expect(converged).resolves.toBe(1100);
    const never = state.until("p50 to be applied", 0.01, () => state.convergedSince(50));
    await expect(never).rejects.toThrow(
      /in vain for p50 to be applied; commanded is p25 = 25 % .*a applies 25 % of r10.20/,
    );
  });
});
