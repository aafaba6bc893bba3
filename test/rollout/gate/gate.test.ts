import { describe, expect, it } from "vitest";
import { evaluateGate } from "../../../infra/rollout/gate/gate.ts";
import type { GateInput } from "../../../infra/rollout/gate/checks.ts";
import { openGate, passing, reportOf, stageOf } from "./gate-fixture.ts";

/** Outcome, and the marks of all checks that did not pass. */
function judge(input: GateInput): { outcome: string; others: Record<string, boolean | null> } {
  const { outcome, checks } = evaluateGate(input);
  const others = checks.filter(({ passed }) => passed !== true);
  return { outcome, others: Object.fromEntries(others.map(({ name, passed }) => [name, passed])) };
}

/** The gate at a stage where all is well, but for what is changed. */
function changed(percentage: number, change: (input: GateInput) => Partial<GateInput>): GateInput {
  const input = openGate(percentage);
  return { ...input, ...change(input) };
}

function changedRow(
  percentage: number,
  change: (row: NonNullable<GateInput["judged"]>["row"]) => object,
): GateInput {
  return changed(percentage, ({ judged }) => ({
    judged: judged && { ...judged, row: { ...judged.row, ...change(judged.row) } },
  }));
}

const changedVerdict = (percentage: number, change: object, found: object = {}): GateInput =>
  changed(percentage, ({ judged }) => ({
    judged: judged && {
      ...judged,
      verdict: { ...judged.verdict, ...passing, ...change, ...found },
    },
  }));

const finding = (code: string, more: object = {}) => ({
  findings: [{ code, action: "alert", basis: "data", page: false, text: `${code} found`, ...more }],
});

describe("the gate", () => {
  it.each([5, 25, 50, 100])("is open after p%i where everything holds", (percentage) => {
    expect(judge(openGate(percentage))).toEqual({ outcome: "passed", others: {} });
  });

  it("asks more of a stage, the larger its share is", () => {
    const asked = [5, 25, 50, 100].map((percentage) => {
      const { checks, people } = evaluateGate(openGate(percentage));
      return [checks.map(({ name }) => name), people.length] as const;
    });
    const common = [
      "commanded = applied",
      "applied = observed",
      "brake",
      "journal",
      "verdict",
      "time at this stage",
    ];
    const [p5, p25, p50, p100] = [
      ["error rate", "latency", "memory", "workers"],
      ["scaling", "session affinity", "telemetry", "unexpected errors"],
      ["V1 and V2 compared", "resources"],
      ["V2 alone"],
    ] as const;
    expect(asked).toEqual([
      [[...common, ...p5], 1],
      [[...common, ...p5, ...p25], 2],
      [[...common, ...p5, ...p25, ...p50], 4],
      [[...common, ...p5, ...p25, ...p50, ...p100], 6],
    ]);
    expect(evaluateGate(openGate(0)).checks.map(({ name }) => name)).toEqual(common);
  });

  it("says of a check what was seen, over what, and what is allowed", () => {
    const [agreement, share] = evaluateGate(openGate(25)).checks;
    expect(agreement).toEqual({
      name: "commanded = applied",
      window: "now",
      observed: "25 % in 2 routers",
      limit: "25 % in all 2 routers",
      passed: true,
    });
    expect(share).toEqual({
      name: "applied = observed",
      window: "this stage",
      observed: "25.0 % of 4,000 sessions on V2, 0 decisions unlike the predictor",
      limit: "25 % within 2.7, 0 decisions",
      passed: true,
    });
  });

  it.each<[why: string, input: GateInput, outcome: string, others: Record<string, boolean | null>]>(
    [
      [
        "one router applies something else",
        changed(25, ({ routers }) => ({
          routers: { ...routers, reports: [reportOf("a", 25), reportOf("b", 10)] },
        })),
        "failed",
        { "commanded = applied": false },
      ],
      [
        "a router waits",
        changed(25, ({ routers }) => ({
          routers: { ...routers, reports: [reportOf("a", 25), reportOf("b", 25, "a raise")] },
        })),
        "failed",
        { "commanded = applied": false },
      ],
      [
        "a router does not answer",
        changed(25, ({ routers }) => ({ routers: { ...routers, reports: [reportOf("a", 25)] } })),
        "undecided",
        { "commanded = applied": null },
      ],
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
        "the observed share differs",
        changedRow(25, ({ counts }) => ({
          counts: { "25": { v1: counts["25"]?.v1, v2: counts["25"]?.v1 } },
        })),
        "failed",
        { "applied = observed": false },
      ],
      [
        "the predictor differs",
        changedRow(25, ({ routers }) => ({
          routers: routers.map((router) => ({ ...router, mispredicted: 1 })),
        })),
        "failed",
        { "applied = observed": false, "session affinity": false },
      ],
      [
        "nothing was observed at this percentage",
        changedRow(25, () => ({ counts: {} })),
        "undecided",
        { "applied = observed": null },
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
        "V2's figures were not read",
        changedRow(50, () => ({ pool: null })),
        "undecided",
        { memory: null, workers: null, resources: null },
      ],
      [
        "the brake is engaged",
        changed(5, () => ({ brakeEngaged: true })),
        "failed",
        { brake: false },
      ],
      [
        "the journal has no verdict",
        changed(100, () => ({ judged: undefined, window: undefined })),
        "undecided",
        {
          "applied = observed": null,
          journal: null,
          verdict: null,
          "time at this stage": null,
          "error rate": null,
          latency: null,
          memory: null,
          workers: null,
          "session affinity": null,
          telemetry: null,
          "unexpected errors": null,
          resources: null,
        },
      ],
      [
        "the journal is old",
        changed(5, ({ now }) => ({ now: now + 60_000 })),
        "undecided",
        { journal: null },
      ],
      [
        "the journal's verdict comes out differently",
        changed(5, ({ judged }) => ({ judged: judged && { ...judged, replayed: false } })),
        "failed",
        { journal: false },
      ],
      [
        "the stage has not lasted",
        changed(5, ({ stage }) => ({ stage: { ...stage, dwellSeconds: 7200 } })),
        "failed",
        { "time at this stage": false },
      ],
      [
        "the evidence is short",
        changedVerdict(5, { kind: "hold" }, finding("evidence-short", { action: "hold" })),
        "undecided",
        { verdict: null },
      ],
      [
        "the data are in doubt",
        changedVerdict(5, { kind: "unknown" }, finding("router-missing", { action: "unknown" })),
        "undecided",
        { verdict: null },
      ],
      [
        "the evidence speaks against V2",
        changedVerdict(
          5,
          { kind: "rollback" },
          finding("harm", { action: "rollback", basis: "bound" }),
        ),
        "failed",
        { verdict: false },
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
    ],
  )("where %s", (_why, input, outcome, others) => {
    expect(judge(input)).toEqual({ outcome, others });
  });

  it.each<[why: string, v1: object, v2: object, others: Record<string, boolean | null>]>([
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
    const input = changed(50, ({ window }) => ({
      window: window && {
        ...window,
        sides: {
          ...window.sides,
          v1: { ...window.sides.v1, ...v1 },
          v2: { ...window.sides.v2, ...v2 },
        },
      },
    }));
    expect(judge(input).others).toEqual(others);
  });

  it("fails where something speaks against, whatever else is missing", () => {
    const input = changed(5, () => ({ judged: undefined, brakeEngaged: true }));
    expect(judge(input).outcome).toBe("failed");
  });

  it("lets a stage without a shortest stay go on when people say so", () => {
    const stage = { ...stageOf(5), dwellSeconds: undefined };
    const { checks } = evaluateGate({ ...openGate(5), stage });
    expect(checks.find(({ name }) => name === "time at this stage")).toMatchObject({
      passed: true,
      limit: "people",
    });
  });
});
