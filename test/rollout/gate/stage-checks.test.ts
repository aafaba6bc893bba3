import { describe, expect, it } from "vitest";
import { memoryStart } from "../../../infra/rollout/evidence/memory-growth.ts";
import type { GateInput } from "../../../infra/rollout/gate/checks.ts";
import { evaluateGate } from "../../../infra/rollout/gate/gate.ts";
import { begin, row, side } from "../evidence/sample-row.ts";
import type { Marks } from "./gate-fixture.ts";
import {
  changed,
  changedJudged,
  changedRow,
  changedVerdict,
  changedWindow,
  finding,
  judge,
  observed,
  openGate,
  reportOf,
} from "./gate-fixture.ts";

describe("the checks of a share", () => {
  it.each<[why: string, input: GateInput, outcome: string, others: Marks]>([
    [
      "no router answers after p100",
      changed(100, ({ routers }) => ({ routers: { ...routers, reports: [] } })),
      "undecided",
      { "commanded = applied": null, "V2 alone": null },
    ],
    [
      "a router sees no V2 after p100",
      changed(100, ({ routers }) => ({
        routers: { ...routers, reports: [reportOf("a", 100), reportOf("b", 100, null, 0)] },
      })),
      "failed",
      { "V2 alone": false },
    ],
    [
      "log lines were lost",
      changedRow(25, ({ routers }) => ({
        routers: routers.map((router) => ({ ...router, lostLines: 3 })),
      })),
      "failed",
      { telemetry: false },
    ],
    [
      "an alert about memory passes the verdict and not the gate",
      changedVerdict(5, finding("limit-memory-growth")),
      "failed",
      { memory: false },
    ],
    [
      "an alert about workers",
      changedVerdict(5, finding("limit-worker-failures")),
      "failed",
      { workers: false },
    ],
    [
      "an alert about resources",
      changedVerdict(50, finding("alert-cpu")),
      "failed",
      { resources: false },
    ],
    [
      "degradation against V1",
      changedVerdict(50, finding("alert-degradation")),
      "failed",
      { "V1 and V2 compared": false },
    ],
    [
      "answers that are wrong, not yet with the verdict's certainty",
      changedVerdict(
        25,
        { kind: "hold" },
        finding("suspicion", { action: "hold", basis: "bound", sli: "wrong" }),
      ),
      "failed",
      { verdict: false, "unexpected errors": false },
    ],
    [
      "V2's pods cannot be read",
      changed(25, () => ({ v2Pods: undefined })),
      "undecided",
      { scaling: null },
    ],
    [
      "a pod of V2 is not ready",
      changed(25, () => ({ v2Pods: { ready: 3, wanted: 4 } })),
      "failed",
      { scaling: false },
    ],
    [
      "V2 has no pods",
      changed(25, () => ({ v2Pods: { ready: 0, wanted: 0 } })),
      "failed",
      { scaling: false },
    ],
  ])("where %s", (_why, input, outcome, others) => {
    expect(judge(input)).toEqual({ outcome, others });
  });

  it.each<[why: string, v1: object, v2: object, others: Marks]>([
    ["V2's error rate is too high", {}, { failed: 60 }, { "error rate": false }],
    ["V2 is too slow", {}, { p99: 201 }, { latency: false }],
    ["no answer was timed", {}, { p99: null }, { latency: null }],
    [
      "V2 had too few requests",
      {},
      { requests: 199 },
      { "error rate": null, latency: null, "V1 and V2 compared": null },
    ],
    ["V1 had too few requests", { requests: 199 }, {}, { "V1 and V2 compared": null }],
  ])("in the last window, where %s", (_why, v1, v2, others) => {
    const { sides } = openGate(50).window ?? {};
    const input = sides && {
      v1: { ...sides.v1, ...v1 },
      v2: { ...sides.v2, ...v2 },
    };
    expect(judge(changedWindow(50, input ?? {})).others).toEqual(others);
  });
});

describe("what is seen in V2's own figures", () => {
  const figures = openGate(50).window?.sides.figures ?? {};
  const without = (name: keyof typeof figures) => {
    const rest = { ...figures };
    delete rest[name];
    return changedWindow(50, { figures: rest });
  };

  it("is not decided where they were not read in the last window", () => {
    const unread = changedWindow(50, { figures: null });
    const others = { memory: null, workers: null, resources: null };
    expect(judge(unread)).toEqual({ outcome: "undecided", others });
    expect(observed(unread, "memory")).toBe("V2's figures were not read");
  });

  it.each([
    ["cpuPercent", "resources"],
    ["memoryPercent", "resources"],
    ["memoryBytesPerPod", "memory"],
    ["workers", "workers"],
    ["workerFailures", "workers"],
  ] as const)("is not decided without %s", (figure, check) => {
    const input = without(figure);
    expect(judge(input)).toEqual({ outcome: "undecided", others: { [check]: null } });
    expect(observed(input, check)).toBe(`V2's metrics do not offer ${figure}`);
  });

  it("is left to people where the contract offers no figures; workers are counted by their pods", () => {
    const input: GateInput = {
      ...changedWindow(50, { figures: { workers: 4, workerFailures: 0 } }),
      measured: { contract: "none", cpuLimit: true },
    };
    const { outcome, checks, people } = evaluateGate(input);
    expect(outcome).toBe("passed");
    const names = checks.map(({ name }) => name);
    expect(names).toContain("workers");
    expect(names).not.toContain("memory");
    expect(names).not.toContain("resources");
    expect(people).toEqual(
      expect.arrayContaining([
        "whether V2's memory grows by more than 10 % an hour: not measured with contract none, look yourself",
        "V2's use of its limits, CPU at most 80 %, memory at most 90 %: not measured with contract none, look yourself",
      ]),
    );
  });

  it("leaves CPU to people where there is no limit of it, and judges memory", () => {
    const unlimited = { measured: { contract: "full", cpuLimit: false } } as const;
    const input: GateInput = { ...without("cpuPercent"), ...unlimited };
    expect(judge(input)).toEqual({ outcome: "passed", others: {} });
    expect(evaluateGate(input).people).toContain(
      "V2's use of CPU: not measured without v2.resources.limits.cpu, look yourself",
    );
    const { outcome } = judge({ ...changedVerdict(50, finding("alert-memory")), ...unlimited });
    expect(outcome).toBe("failed");
  });
});

describe("growth of V2's memory", () => {
  const state = memoryStart(row(5, side(1), side(1), { at: begin }));
  const grown = (change: object) => changedJudged(5, { memory: { ...state, ...change } });

  it.each([
    ["was not judged yet", changedJudged(5, { memory: state })],
    ["cannot be recomputed", changedJudged(5, { memory: undefined })],
  ])("is not decided where it %s", (_why, input) => {
    expect(judge(input)).toEqual({ outcome: "undecided", others: { memory: null } });
    expect(observed(input, "memory")).toBe(
      "growth is not judged yet: that takes 46 min at one share (thresholds.memory)",
    );
  });

  it("is not decided while it is over the limit and not for long enough to roll back", () => {
    const input = grown({ growth: 14.6, streak: 2 });
    expect(judge(input)).toEqual({ outcome: "undecided", others: { memory: null } });
    expect(observed(input, "memory")).toBe(
      "lower bound of its growth 14.6 % an hour, over the limit in 2 samples in a row of the 3 that roll back",
    );
  });

  it("passes where its lower bound is small, or the growth is", () => {
    expect(judge(grown({ growth: -3 })).outcome).toBe("passed");
    expect(judge(grown({ growth: 12 })).outcome).toBe("passed");
  });
});
