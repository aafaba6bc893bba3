import { describe, expect, it } from "vitest";

import { evaluate } from "../../../infra/rollout/evidence/evaluate.ts";
import type { EvaluationState, Verdict } from "../../../infra/rollout/evidence/evaluate.ts";
import { noCounts } from "../../../infra/rollout/evidence/counts.ts";
import type { Counts, SideCounts } from "../../../infra/rollout/evidence/counts.ts";
import { begin, row, settings } from "./sample-row.ts";

/** Sessions that stay for the whole migration, each with a request a minute. */
const tenants = 1000;

/** Expected counts of tenants that were served for some minutes, each request failing with the same chance. */
function served(sessions: number, minutes: number, chance: number): SideCounts {
  const bad = Math.round(sessions * (1 - (1 - chance) ** minutes));
  const requests = sessions * minutes;
  const failed = {
    requests: Math.max(bad, Math.round(requests * chance)),
    sessions: bad,
    firstInAttempt: bad,
  };
  return { requests, sessions, bad: { ...noCounts.bad, failed }, durations: { "20": requests } };
}

/** The stages before 100 % with the accelerated dwells. */
const earlier: Counts = Object.fromEntries(
  [
    [5, 60],
    [10, 60],
    [25, 120],
    [50, 240],
    [75, 480],
  ].map(([percentage = 0, minutes = 0]) => {
    const onV2 = (tenants * percentage) / 100;
    const v1 = served(tenants - onV2, minutes, 0.001);
    return [String(percentage), { v1, v2: served(onV2, minutes, 0.001) }];
  }),
);

/** Verdicts while V2 serves everything, with its chance of failing. */
function atLast(minutes: readonly number[], chance: number): Verdict[] {
  let state: EvaluationState | undefined;
  return minutes.map((minute) => {
    const counts = { ...earlier, "100": { v1: noCounts, v2: served(tenants, minute, chance) } };
    const at = begin + minute * 60_000;
    const result = evaluate(state, row(100, noCounts, noCounts, { at, counts }), settings);
    ({ state } = result);
    return result.verdict;
  });
}

const absolute = (verdict: Verdict | undefined) =>
  verdict?.findings.find(({ code }) => code === "evidence-absolute");

describe("at 100 %", () => {
  it("no V2 is rolled back because tenants that stay turn bad one after the other", () => {
    const verdicts = atLast(
      Array.from({ length: 48 * 12 }, (_, index) => 5 * (index + 1)),
      0.001,
    );
    expect(verdicts.filter(({ kind }) => kind === "rollback")).toEqual([]);
    expect(absolute(verdicts.at(-1))).toMatchObject({ action: "none", page: false });
    expect(absolute(verdicts.at(-1))?.text).toMatch(
      /without a control; 0\.1 % of its requests are bad, within 1\.4 %: sessions that last long turn bad in time$/,
    );
    // It passes as long as the stage is no older than the others were.
    expect(verdicts[12]?.kind).toBe("pass");
  });

  it("a V2 that fails 20 % of its requests is", () => {
    const [first] = atLast([5], 0.2);
    expect(first?.kind).toBe("rollback");
    expect(absolute(first)).toMatchObject({
      action: "rollback",
      basis: "alone, outside the bound",
    });
    expect(absolute(first)?.text).toMatch(
      /, without a control; 20\.0 % of its requests are bad, over 1\.4 %$/,
    );
  });
});
