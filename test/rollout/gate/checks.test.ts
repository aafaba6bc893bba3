import { describe, expect, it } from "vitest";
import { evaluateGate } from "../../../infra/rollout/gate/gate.ts";
import type { GateInput } from "../../../infra/rollout/gate/checks.ts";
import { begin } from "../evidence/sample-row.ts";
import type { Marks } from "./gate-fixture.ts";
import {
  changed,
  changedJudged,
  changedRow,
  changedVerdict,
  finding,
  judge,
  observed,
  openGate,
  reportOf,
  stageOf,
} from "./gate-fixture.ts";

describe("the checks of every stage", () => {
  it.each<[why: string, input: GateInput, outcome: string, others: Marks]>([
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
      "the brake is engaged",
      changed(5, () => ({ brakeEngaged: true })),
      "failed",
      { brake: false },
    ],
    [
      "the journal's verdict comes out differently",
      changedJudged(5, { replayed: false }),
      "failed",
      { journal: false },
    ],
    [
      "rows are missing, so that it cannot be recomputed",
      changedJudged(5, { replayed: null }),
      "undecided",
      { journal: null },
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
  ])("where %s", (_why, input, outcome, others) => {
    expect(judge(input)).toEqual({ outcome, others });
  });

  it("let a stage without a shortest stay go on when people say so", () => {
    const stage = { ...stageOf(5), dwellSeconds: undefined };
    const { checks } = evaluateGate({ ...openGate(5), stage });
    expect(checks.find(({ name }) => name === "time at this stage")).toMatchObject({
      passed: true,
      limit: "people",
    });
  });
});

describe("a journal without a verdict on the declared stage", () => {
  /** What only such a verdict decides, after p100. */
  const undecided = {
    "applied = observed": null,
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
  };

  it("decides nothing where it holds none at all", () => {
    const input = changed(100, () => ({ judged: undefined, window: undefined }));
    expect(judge(input)).toEqual({ outcome: "undecided", others: { ...undecided, journal: null } });
  });

  it("decides nothing where the last one is about the stage before, however it came out", () => {
    const about = { name: "p75", percentage: 75, since: begin, firstV2At: begin };
    const passing = changedRow(100, () => ({ stage: about }));
    expect(judge(passing)).toEqual({ outcome: "undecided", others: undecided });
    expect(observed(passing, "verdict")).toBe(
      "the last verdict is about p75 = 75 %; p100 = 100 % is declared: wait for the guards' next one",
    );
    const harm = finding("harm", { action: "rollback", basis: "bound" });
    const judged = passing.judged && {
      ...passing.judged,
      verdict: { ...passing.judged.verdict, kind: "rollback" as const, ...harm },
    };
    expect(judge({ ...passing, judged } as GateInput).outcome).toBe("undecided");
  });

  it("decides nothing where that stage has the same share or the same name", () => {
    const before = changedRow(0, ({ stage }) => ({ stage: { ...stage, name: "baseline" } }));
    expect(judge(before)).toMatchObject({ outcome: "undecided", others: { verdict: null } });
    const braked = changedRow(5, ({ stage }) => ({ stage: { ...stage, percentage: 0 } }));
    expect(judge(braked)).toMatchObject({ outcome: "undecided", others: { verdict: null } });
  });
});

describe("times of the journal", () => {
  const readAfter = (seconds: number) => {
    const { judged } = openGate(5);
    return changedJudged(5, { readAt: (judged?.row.at ?? NaN) + 1000 * seconds });
  };

  it.each([
    [15, true, "15 s old, the same when recomputed"],
    [16, null, "16 s old, the same when recomputed"],
    [-5, true, "0 s old, the same when recomputed"],
    [
      -6,
      null,
      "6 s in the future of the database: set the clocks of its server and the guards' nodes",
    ],
  ])("decide only while the verdict is fresh by the database's clock: %i s", (age, mark, text) => {
    const input = readAfter(age);
    expect(judge(input).others).toEqual(mark === true ? {} : { journal: mark });
    expect(observed(input, "journal")).toBe(text);
  });

  it("count a stay up to the newest verdict, both by the guards' clock", () => {
    const stage = { ...stageOf(5), dwellSeconds: 3601 };
    const later = { ...readAfter(10), stage };
    expect(judge(later).others).toEqual({ "time at this stage": false });
    expect(judge({ ...later, stage: { ...stage, dwellSeconds: 3600 } }).others).toEqual({});
  });

  it("say where rows are missing before the newest verdict", () => {
    expect(observed(changedJudged(5, { replayed: null }), "journal")).toBe(
      "0 s old, not to be recomputed, because rows before it are missing",
    );
  });
});
