import { describe, expect, it } from "vitest";

import { evaluate } from "../../../infra/rollout/evidence/evaluate.ts";
import type {
  EvaluationSettings,
  EvaluationState,
  Verdict,
} from "../../../infra/rollout/evidence/evaluate.ts";
import type { EvidenceRow } from "../../../infra/rollout/evidence/row.ts";
import { rowsOf, simulationSettings } from "../../../scripts/simulate/migration.ts";
import { standardPlan } from "../../../scripts/simulate/plan.ts";
import { randomFrom } from "../../../scripts/simulate/random.ts";
import { begin, row, settings, side } from "./sample-row.ts";

const judge = (one: EvidenceRow, changes: Partial<EvaluationSettings> = {}) =>
  evaluate(undefined, one, { ...settings, ...changes }).verdict;

const codes = (verdict: Verdict, action: string) =>
  verdict.findings.filter((finding) => finding.action === action).map(({ code }) => code);

/** V1 with 1 % of failing sessions at 25 %, where 38 / (0.01 x 4) = 950 V2 sessions are needed. */
const v1 = side(4500, { failed: 45 });

describe("verdict", () => {
  it("passes with enough sessions of enough age, and says what harm is excluded", () => {
    const verdict = judge(row(25, v1, side(1500, { failed: 15 })));
    expect(verdict).toMatchObject({ kind: "pass", severity: "healthy", page: false });
    expect(verdict.progress).toMatchObject({ sessions: 1500, needed: 950 });
    expect(verdict.reasons).toContain(
      "that V2's sessions fail 2.5 times as often as V1's is excluded",
    );
  });

  it("holds while sessions or age are short, with both numbers", () => {
    const few = judge(row(25, side(2700, { failed: 27 }), side(900, { failed: 9 })));
    expect(few).toMatchObject({ kind: "hold", page: false });
    expect(few.reasons).toEqual(["900 of 950 sessions needed to pass"]);
    const stage = { name: "p25", percentage: 25, since: begin, firstV2At: begin + 2_800_000 };
    const young = judge(row(25, v1, side(1500, { failed: 15 }), { stage }));
    expect(young.reasons).toEqual(["V2's first session here is 800 s old, 900 s needed to pass"]);
  });

  it("asks people once it has held for a day", () => {
    const at = begin + 25 * 3_600_000;
    const verdict = judge(row(25, side(270), side(90), { at }));
    expect(verdict).toMatchObject({ kind: "hold", page: true });
    expect(codes(verdict, "hold")).toContain("inconclusive");
  });

  it("rolls back on session evidence, in words that people understand", () => {
    const verdict = judge(row(25, v1, side(1500, { failed: 50 })));
    expect(verdict).toMatchObject({ kind: "rollback", severity: "critical", page: true });
    expect(verdict.reasons[0]).toMatch(
      /^V2's sessions fail 3\.3 times as often as V1's; e-value [\d,]+ of 1,200$/,
    );
    const alone = judge(row(25, side(4500), side(1500, { failed: 50 })));
    expect(alone.reasons.join()).toContain("V2's sessions fail and V1's do not;");
  });

  it("holds from an e-value of 20 on", () => {
    const verdict = judge(row(25, v1, side(1500, { failed: 38 })));
    expect(verdict).toMatchObject({ kind: "hold", page: false });
    expect(codes(verdict, "hold")).toEqual(["evidence-cumulative", "evidence-stage"]);
  });

  it("does not roll back when V2's requests are not worse", () => {
    const few = side(1500, { failed: 60 });
    const many = { ...v1, bad: { ...v1.bad, failed: { ...v1.bad.failed, requests: 2000 } } };
    const verdict = judge(row(25, many, few));
    expect(verdict.kind).toBe("hold");
    expect(verdict.reasons.join()).toContain("but its requests do not");
  });

  it("rolls back although data are missing, and else holds and pages", () => {
    const routers = [
      { router: "a", at: begin + 3_600_000, lostLines: 3, mispredicted: 0, complete: true },
    ];
    const bad = judge(row(25, v1, side(1500, { failed: 60 }), { routers }));
    expect(bad.kind).toBe("rollback");
    expect(codes(bad, "hold")).toEqual(expect.arrayContaining(["lines-lost", "router-missing"]));
    const good = judge(row(25, v1, side(1500, { failed: 15 }), { routers }));
    expect(good).toMatchObject({ kind: "hold", page: true, severity: "warning" });
  });

  it("is unknown without a fresh router, whatever else is fine", () => {
    const routers = [{ router: "a", at: begin, lostLines: 0, mispredicted: 0, complete: true }];
    const verdict = judge(row(25, v1, side(1500, { failed: 15 }), { routers, routersExpected: 1 }));
    expect(verdict).toMatchObject({ kind: "unknown", page: true });
    expect(judge(row(25, v1, side(1500), { routers: [] })).kind).toBe("unknown");
  });

  it.each<[string, Partial<EvidenceRow>, Partial<EvaluationSettings>]>([
    [
      "memory-incomplete",
      {
        routers: [
          { router: "a", at: begin + 3_600_000, lostLines: 0, mispredicted: 0, complete: false },
        ],
        routersExpected: 1,
      },
      {},
    ],
    ["slow-not-frozen", { slowMilliseconds: null }, {}],
    ["figures-missing", {}, { figures: ["workers"] }],
    ["figures-stale", { pool: { at: begin, figures: { workers: 4 } } }, { figures: ["workers"] }],
    ["figure-unknown", { pool: { at: begin + 3_600_000, figures: {} } }, { figures: ["workers"] }],
  ])("holds on %s", (code, changes, changedSettings) => {
    const verdict = judge(row(25, v1, side(1500, { failed: 15 }), changes), changedSettings);
    expect(verdict).toMatchObject({ kind: "hold", page: true });
    expect(codes(verdict, "hold")).toEqual([code]);
  });

  it("holds when the sessions are split otherwise than commanded", () => {
    const verdict = judge(row(25, side(5000, { failed: 50 }), side(1000, { failed: 10 })));
    expect(codes(verdict, "hold")).toEqual(["split"]);
  });

  it("holds on impossible counts and uses none of them", () => {
    const verdict = judge(row(25, v1, { ...side(10), sessions: 100 }));
    expect(codes(verdict, "hold")).toContain("counter-reset");
    expect(verdict.progress.sessions).toBe(0);
  });

  it("judges 404 answers only by holding, unless they may roll back", () => {
    const bad = row(
      25,
      side(4500, { failed: 45, notFound: 45 }),
      side(1500, { failed: 15, notFound: 60 }),
    );
    expect(judge(bad).kind).toBe("hold");
    const evidence = { ...settings.evidence, notFound: "rollback" as const };
    expect(judge(bad, { evidence }).kind).toBe("rollback");
  });

  it("has no control at 100 %: the absolute test acts alone there and says so", () => {
    const counts = {
      "75": { v1: side(3000), v2: side(9000) },
      "100": { v1: side(0), v2: side(1000, { failed: 60 }) },
    };
    const verdict = judge(row(100, side(0), side(0), { counts }));
    expect(verdict.kind).toBe("rollback");
    expect(verdict.findings[0]).toMatchObject({ basis: "alone, outside the bound" });
    const calm = { ...counts, "100": { v1: side(0), v2: side(1000, { failed: 10 }) } };
    expect(judge(row(100, side(0), side(0), { counts: calm })).kind).toBe("pass");
  });

  it("needs a relative e-value for the absolute test while V1 serves", () => {
    const alone = judge(row(75, side(40), side(120, { failed: 12 })));
    expect(alone.kind).toBe("hold");
    expect(codes(alone, "hold")).toContain("evidence-absolute");
    const both = judge(row(75, side(40), side(120, { failed: 24 })));
    expect(codes(both, "rollback")).toEqual(["evidence-absolute"]);
    const outage = judge(row(25, side(4500, { failed: 900 }), side(1500, { failed: 310 })));
    expect(outage.kind).toBe("pass");
  });

  it("in the shadow stage waits for requests and for the threshold of slow", () => {
    const shadow = (changes: Partial<EvidenceRow>) => row(0, side(100), side(0), changes);
    expect(judge(shadow({})).kind).toBe("pass");
    expect(judge(shadow({ slowMilliseconds: null })).kind).toBe("hold");
    expect(judge(row(0, side(0), side(0))).kind).toBe("hold");
  });
});

describe("evaluations in a row", () => {
  it("keep the last counts when counts go back, and start anew with a new attempt", () => {
    const first = evaluate(undefined, row(25, v1, side(1500, { failed: 60 })), settings);
    expect(first.verdict.kind).toBe("rollback");
    const reset = evaluate(first.state, row(25, side(3), side(1)), settings);
    expect(reset.state.counts).toEqual(first.state.counts);
    expect(reset.verdict.kind).toBe("rollback");
    const repaired = evaluate(reset.state, row(25, side(3), side(1), { attempt: "2" }), settings);
    expect(repaired.verdict).toMatchObject({ kind: "hold", page: false, attempt: "2" });
  });

  it("are recomputed bit for bit from the rows as JSON, at any point of which the state may be stored", () => {
    const plan = { ...standardPlan({ population: "lognormal" }), stageMinutes: 10 };
    const start = { attempt: "1", at: begin, state: undefined };
    const journal: string[] = [];
    let state: EvaluationState | undefined;
    for (const one of rowsOf(plan, randomFrom(7, 0), start)) {
      const { verdict, state: next } = evaluate(state, one, simulationSettings);
      // What happens between two journaled rows leaves no trace.
      evaluate(next, { ...one, at: one.at + 1000 }, simulationSettings);
      state = next;
      journal.push(JSON.stringify({ row: one, verdict }));
    }
    expect(journal.length).toBe(50);
    let replayed: EvaluationState | undefined;
    for (const line of journal) {
      const stored = JSON.parse(line) as { row: EvidenceRow; verdict: Verdict };
      const again = evaluate(replayed, stored.row, simulationSettings);
      expect(JSON.stringify(again.verdict)).toBe(JSON.stringify(stored.verdict));
      replayed = JSON.parse(JSON.stringify(again.state)) as EvaluationState;
    }
  });
});
