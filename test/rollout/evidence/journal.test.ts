import { describe, expect, it } from "vitest";
import { changedCounts, recompute, sameJson } from "../../../infra/rollout/evidence/journal.ts";
import type { JournaledVerdict } from "../../../infra/rollout/evidence/journal.ts";
import { Judge } from "../../../scripts/agents/guard/judge.ts";
import { rowsOf, simulationSettings } from "../../../scripts/simulate/migration.ts";
import { standardPlan } from "../../../scripts/simulate/plan.ts";
import { randomFrom } from "../../../scripts/simulate/random.ts";

const plan = {
  ...standardPlan({ liveSessions: 200, requestsPerMinute: 400 }),
  stageMinutes: 40,
  fault: { sli: "failed", ratio: 3, fromPercentage: 25 },
} as const;

/** What a guard journals of a migration; as the database gives it back. */
function journaled(chains: (index: number) => string | undefined): JournaledVerdict[] {
  const judge = new Judge(simulationSettings, 120_000);
  const entries: JournaledVerdict[] = [];
  const start = { attempt: "1", at: Date.UTC(2026, 0, 1), state: undefined };
  let index = 0;
  for (const row of rowsOf(plan, randomFrom(5, 0), start)) {
    const writer = chains(index);
    index += 1;
    if (writer !== undefined) judge.beginChain(writer);
    const { due } = judge.judge(row);
    if (due) entries.push(judge.entry({ sessions: "", cursors: {} }));
  }
  return JSON.parse(JSON.stringify(entries)) as JournaledVerdict[];
}

const one = journaled((index) => (index === 0 ? "a" : undefined));

describe("the journal of verdicts", () => {
  it("gives the very same verdicts again, one after the other", () => {
    expect(one.length).toBeGreaterThan(90);
    const again = [...recompute(one)];
    expect(again.map(({ same }) => same)).toEqual(one.map(() => true));
    expect(new Set(one.map(({ verdict }) => verdict.kind)).size).toBeGreaterThan(1);
  });

  it("holds of the counts only those that changed, and gives all of them back", () => {
    const last = [...recompute(one)].at(-1);
    expect(Object.keys(one.at(-1)?.row.counts ?? {})).toEqual(["75"]);
    expect(Object.keys(last?.row.counts ?? {})).toEqual(["5", "10", "25", "50", "75"]);
    const counts = last?.row.counts ?? {};
    expect(changedCounts(counts, { ...counts })).toEqual({});
  });

  it("can be entered in the middle, where a chain says so", () => {
    const entry = one.findIndex(({ start }, index) => index > 0 && start !== null);
    expect(entry).toBeGreaterThan(0);
    const rest = [...recompute(one.slice(entry))];
    expect(rest.every(({ same }) => same)).toBe(true);
    const unknown = [...recompute(one.slice(1, 3))];
    expect(unknown.map(({ verdict, same }) => [verdict, same])).toEqual([
      [undefined, false],
      [undefined, false],
    ]);
  });

  it("follows the chains of two guards that took turns", () => {
    const two = journaled((index) => (index === 0 ? "a" : index === 70 ? "b" : undefined));
    expect(two.some(({ writer, sequence }) => writer === "b" && sequence === 1)).toBe(true);
    expect([...recompute(two)].every(({ same }) => same)).toBe(true);
  });

  it("notices a changed count, a changed verdict, a missing row and a changed state", () => {
    const middle = Math.floor(one.length / 2);
    const broken = (change: (entry: JournaledVerdict) => JournaledVerdict | undefined) =>
      one.flatMap((entry, index) => (index === middle ? (change(entry) ?? []) : entry));
    const differing = (entries: readonly JournaledVerdict[]) =>
      [...recompute(entries)].filter(({ same }) => !same).length;
    expect(differing(one)).toBe(0);
    const kind = one[middle]?.verdict.kind === "hold" ? "pass" : "hold";
    expect(differing(broken((entry) => ({ ...entry, verdict: { ...entry.verdict, kind } })))).toBe(
      1,
    );
    expect(
      differing(broken((entry) => ({ ...entry, row: { ...entry.row, counts: {} } }))),
    ).toBeGreaterThan(0);
    expect(differing(broken(() => undefined))).toBeGreaterThan(0);
    const entered = one.findIndex(({ start }, index) => index > 0 && start !== null);
    const forged = one.map((entry, index) =>
      index === entered && entry.start !== null
        ? { ...entry, start: { ...entry.start, state: null } }
        : entry,
    );
    expect(differing(forged)).toBe(1);
  });
});

describe("comparison of values", () => {
  it("minds no order of keys, and everything else", () => {
    expect(sameJson({ a: 1, b: { c: 2, d: [1, 2] } }, { b: { d: [1, 2], c: 2 }, a: 1 })).toBe(true);
    expect(sameJson({ a: 1 }, { a: 1.0000000000000002 })).toBe(false);
    expect(sameJson([1, 2], [2, 1])).toBe(false);
    expect(sameJson({ a: undefined }, {})).toBe(true);
  });
});
