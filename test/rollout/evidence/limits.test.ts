import { describe, expect, it } from "vitest";

import { evaluate } from "../../../infra/rollout/evidence/evaluate.ts";
import type { EvaluationState, Verdict } from "../../../infra/rollout/evidence/evaluate.ts";
import { excesses } from "../../../infra/rollout/evidence/limits.ts";
import {
  judgedAfterSeconds,
  memoryStart,
  sampleMemory,
} from "../../../infra/rollout/evidence/memory-growth.ts";
import { settingsInForce } from "../../../infra/rollout/evidence/settings.ts";
import { stageTable } from "../../../infra/rollout/stages.ts";
import type { SideWindow, Window } from "../../../infra/rollout/evidence/windows.ts";
import { noCounts } from "../../../infra/rollout/evidence/counts.ts";
import { begin, row, settings, side } from "./sample-row.ts";

const { thresholds } = settingsInForce("accelerated");

const sideWindow = (changes: Partial<SideWindow> = {}): SideWindow => ({
  requests: 1000,
  failed: 5,
  p99: 100,
  ...changes,
});
const found = (v2: Partial<SideWindow>, v1: Partial<SideWindow> = {}, rest: Partial<Window> = {}) =>
  excesses(
    { v1: sideWindow(v1), v2: sideWindow(v2), workerFailures: null, figures: null, ...rest },
    thresholds,
  ).map(({ code }) => code);

describe("fixed limits in a window", () => {
  it.each<[string, string[], string[]]>([
    ["nothing", found({}), []],
    [
      "failures over 5 % and over 3 times V1's",
      found({ failed: 51 }),
      ["alert-error-rate", "limit-error-ratio", "alert-degradation"],
    ],
    [
      "failures over 10 % of both",
      found({ failed: 101 }, { failed: 100 }),
      ["limit-error-rate", "alert-error-rate"],
    ],
    ["failures too few to matter", found({ failed: 9 }, { failed: 1 }), []],
    ["too few requests", found({ requests: 199, failed: 100 }), []],
    ["too few requests of V1", found({ failed: 40 }, { requests: 199 }), []],
    [
      "p99 over 2 times V1's",
      found({ p99: 201 }, { p99: 100 }),
      ["alert-p99", "limit-p99-ratio", "alert-degradation"],
    ],
    ["p99 little longer", found({ p99: 40 }, { p99: 10 }), []],
    ["p99 unknown", found({ p99: null }), []],
    [
      "CPU and memory",
      found({}, {}, { figures: { cpuPercent: 81, memoryPercent: 91 } }),
      ["alert-cpu", "alert-memory"],
    ],
    [
      "failing workers",
      found({}, {}, { figures: { workers: 29 }, workerFailures: 3 }),
      ["limit-worker-failures"],
    ],
    ["a tenth of the workers", found({}, {}, { figures: { workers: 30 }, workerFailures: 3 }), []],
    [
      "two failures of few workers",
      found({}, {}, { figures: { workers: 2 }, workerFailures: 2 }),
      [],
    ],
  ])("finds %s", (_, is, expected) => {
    expect(is).toEqual(expected);
  });

  it("computes the degradation of the design series", () => {
    const [degraded] = excesses(
      {
        v1: sideWindow({ failed: 10, p99: 95 }),
        v2: sideWindow({ failed: 20, p99: 146 }),
        workerFailures: null,
        figures: null,
      },
      thresholds,
    );
    // (53.7 + 100) / 2
    expect(degraded?.text).toContain("degraded by 77,");
  });
});

describe("fixed limits over windows", () => {
  /** Feeds a minute a row; V2 fails `share` of 300 requests a minute, in `sessions` sessions a minute. */
  function minutes(percentage: number, count: number, badSessions: number): Verdict[] {
    let state: EvaluationState | undefined;
    return Array.from({ length: count }, (_, minute) => {
      const at = begin + minute * 60_000;
      const v2 = side(150 * minute, { failed: badSessions * minute });
      const bad = { ...v2.bad, failed: { ...v2.bad.failed, requests: 40 * minute } };
      const v1 = percentage === 100 ? side(0) : side(450 * minute);
      const result = evaluate(state, row(percentage, v1, { ...v2, bad }, { at }), settings);
      ({ state } = result);
      return result.verdict;
    });
  }
  const limit = (verdict: Verdict | undefined) =>
    verdict?.findings.find(({ code }) => code === "limit-error-rate");

  it("need three windows in a row, and hold without session evidence", () => {
    const verdicts = minutes(25, 5, 0);
    expect(verdicts.map((verdict) => limit(verdict)?.action)).toEqual([
      undefined,
      undefined,
      undefined,
      "hold",
      "hold",
    ]);
    expect(limit(verdicts[3])).toMatchObject({ basis: "with evidence", page: true });
  });

  it("roll back with it", () => {
    expect(limit(minutes(25, 5, 2).at(-1))).toMatchObject({ action: "rollback" });
  });

  it("act alone at 100 %, outside the bound", () => {
    expect(limit(minutes(100, 5, 0).at(-1))).toMatchObject({
      action: "rollback",
      basis: "alone, outside the bound",
    });
  });
});

describe("fixed limits over a change of the percentage", () => {
  /** Counts after some minutes in which V2 fails a share of 900 requests a minute, in no new session, and V1 nothing of 300. */
  const after = (minutes: number, share: number) => {
    const v2 = side(Math.round(450 * minutes));
    const requests = Math.round(share * v2.requests);
    const bad = { ...v2.bad, failed: { ...noCounts.bad.failed, requests } };
    return { v1: side(Math.round(150 * minutes)), v2: { ...v2, bad } };
  };

  /** Findings on a limit, a minute a row: at 75 % until the change, then at 100 %. */
  function found(code: string, share: number, changeAt: number, minutes: number) {
    let state: EvaluationState | undefined;
    return Array.from({ length: minutes }, (_, minute) => {
      const at = begin + minute * 60_000;
      const { v2 } = after(Math.max(0, minute - changeAt), share);
      const counts = {
        "75": after(Math.min(minute, changeAt), share),
        ...(minute < changeAt ? {} : { "100": { v1: noCounts, v2 } }),
      };
      const percentage = minute < changeAt ? 75 : 100;
      const result = evaluate(state, row(percentage, side(0), side(0), { at, counts }), settings);
      state = JSON.parse(JSON.stringify(result.state)) as EvaluationState;
      return result.verdict.findings.find((finding) => finding.code === code)?.action;
    });
  }

  it("compare V2 with V1 in no window in which V1 served only in part", () => {
    expect(found("limit-error-ratio", 0.04, 2.8, 8)).toEqual(new Array(8).fill(undefined));
    expect(found("limit-error-ratio", 0.04, 9, 8).filter(Boolean)).toHaveLength(5);
  });

  it("begin to count their windows anew", () => {
    const actions = found("limit-error-rate", 0.2, 2.8, 8);
    const [before, last] = [new Array<undefined>(6).fill(undefined), "rollback"];
    expect(actions).toEqual([...before, last, last]);
  });
});

describe("growth of memory", () => {
  const mebibyte = 1024 * 1024;
  /** Samples in a row over the limit, minute by minute. */
  const judgedMinutes = (
    bytes: (minute: number) => number,
    percentageAt: (minute: number) => number = () => 25,
  ) => {
    const at = (minute: number) =>
      row(percentageAt(minute), side(1), side(1), {
        at: begin + minute * 60_000,
        pool: { at: begin + minute * 60_000, figures: { memoryBytesPerPod: bytes(minute) } },
      });
    let state = memoryStart(at(0));
    const streaks = [0];
    for (let minute = 1; minute < 120; minute += 1) {
      state = sampleMemory(state, at(minute), thresholds);
      streaks.push(state.streak);
    }
    return streaks;
  };
  const judged = (...course: Parameters<typeof judgedMinutes>) =>
    Math.max(...judgedMinutes(...course));
  const noise = (minute: number) => ((minute * 7) % 11) * mebibyte;

  it.each(["accelerated", "production"] as const)(
    "is found within the shortest stage of profile %s, and in the last quarter of it at the earliest",
    (profile) => {
      const stages = stageTable(profile).filter(({ percentage }) => percentage >= 1);
      const shortest = Math.min(...stages.map(({ dwellSeconds }) => dwellSeconds ?? Infinity));
      const inForce = settingsInForce(profile).thresholds;
      let state = memoryStart(leaking(0));
      let seconds = 0;
      while (state.streak < inForce.window.consecutive && seconds < 2 * shortest) {
        seconds += 5;
        state = sampleMemory(state, leaking(seconds), inForce);
        if (seconds < judgedAfterSeconds(inForce.memory)) expect(state.growth).toBeNull();
      }
      expect(seconds).toBeLessThan(shortest);
      expect(seconds).toBeGreaterThan(0.75 * shortest);
    },
  );
  /** Memory that grows by 60 % an hour, read every five seconds. */
  const leaking = (seconds: number) => {
    const at = begin + seconds * 1000;
    const memoryBytesPerPod = (200 + seconds / 30) * mebibyte + noise(seconds / 5);
    return row(5, side(1), side(1), { at, pool: { at, figures: { memoryBytesPerPod } } });
  };
  const leak = (minute: number) => (200 + minute) * mebibyte + noise(minute);

  it("has to be steeper in a part of the span, where swings feign more", () => {
    // 32 MiB are asked for in 60 minutes and 43.6 in 44, after 10 that are not judged.
    const found = judgedMinutes((minute) => (200 + minute) * mebibyte).indexOf(1);
    expect(found).toBe(10 + 44);
  });

  it("is found when it lasts", () => {
    expect(judged(leak, () => 25)).toBeGreaterThan(3);
  });

  it("is not found in noise, below the floor, nor while the share changes", () => {
    expect(
      judged(
        (minute) => 200 * mebibyte + noise(minute),
        () => 25,
      ),
    ).toBe(0);
    expect(
      judged(
        (minute) => leak(minute) / 10,
        () => 25,
      ),
    ).toBe(0);
    expect(judged(leak, (minute) => 5 * (1 + Math.floor(minute / 40)))).toBe(0);
  });
});
