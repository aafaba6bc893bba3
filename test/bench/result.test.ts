import { describe, expect, it } from "vitest";
import type { GuardFigures } from "../../scripts/bench/guard/guard-figures.ts";
import { judge, type Measured, type RouterVsEnvoy } from "../../scripts/bench/result.ts";
import { resultTable } from "../../scripts/bench/result-table.ts";
import { summarize, type ArmFigures, type Pair } from "../../scripts/bench/router/compare.ts";
import type { BrakeTime } from "../../scripts/bench/stack/brake-time.ts";
import { summarizeFault } from "../../scripts/bench/stack/detection.ts";
import { summarizeChanges } from "../../scripts/bench/stack/stage-change.ts";

const plain: ArmFigures = {
  throughput: 10_000,
  cpuMicroseconds: 100,
  coreShare: 0.99,
  p50Ms: 1,
  p99Ms: 2,
};

function pair(router: Partial<ArmFigures>): Pair {
  return {
    order: ["router", "envoy"],
    halfLoad: 5000,
    envoy: plain,
    router: { ...plain, ...router },
  };
}

function change(totalSeconds: number, programSeconds: number) {
  return {
    stage: "p25",
    totalSeconds,
    programSeconds,
    engineSeconds: 1,
    languageHostSeconds: 0.5,
    providerSeconds: 1,
    convergenceSeconds: 0.2,
    timeline: [{ what: "program's process", beginSeconds: 1, endSeconds: 2.5 }],
    providerCalls: [],
  };
}

function brakeTime(replicas: number, engageToZeroSeconds: number): BrakeTime {
  const spread = { median: engageToZeroSeconds, low: 1, high: 2 };
  return { replicas, engageToZeroSeconds, verbSeconds: 0.8, spread, figures: [] };
}

/** Figures of a guard whose longest evaluation took so many seconds, and that took so many MiB at most. */
function guardFigures(longest: number, peak: number): GuardFigures {
  return {
    load: {
      agents: 100,
      pods: 1000,
      figuresSeconds: 5,
      decisionsPerSecond: 10_000,
      requestsPerSession: 7,
      knownSessions: 1_800_000,
      warmUpSeconds: 10,
      measuredSeconds: 60,
    },
    sessions: 1_900_000,
    journal: true,
    evaluations: {
      count: 60,
      median: 0.05,
      p99: 0.2,
      longest: { whole: longest, collecting: longest - 0.01 },
      longestPause: 1.25,
    },
    coreShare: 0.251,
    waiting: { guard: 0.012, agents: 0.2 },
    memory: { peak, anonymous: 125, file: 60, heap: 41, external: 52 },
  };
}

function detection(seconds: number | null, failedRequests: number, falseRollbacks: number) {
  const figures = [1, 2, 0.5].map((extra) => ({
    firstBadToZeroSeconds: seconds === null ? null : seconds - 1 + extra,
    failedRequests,
  }));
  return {
    stage: "p10",
    requestsPerSecond: 100,
    faults: [summarizeFault("V2 fails always", figures), summarizeFault("V2 fails 20 %", figures)],
    healthy: { migrations: 3, outageSeconds: 60, falseRollbacks },
  };
}

function measured(
  router: Partial<ArmFigures>,
  up: number,
  brake: number,
  guard: GuardFigures,
): Measured {
  return {
    startedAt: "2026-01-01T00:00:00.000Z",
    durationSeconds: 100,
    machine: { cores: 2, cpu: "some CPU", loadAverage: 0.1 },
    versions: { envoy: "1.40.0" },
    routerVsEnvoy: {
      ...summarize([...Array.from({ length: 5 }, () => pair(router)), pair({})]),
      agent: { requestsPerSecond: 5000, cpuMicroseconds: 9 },
      profile: {
        unit: "instructions",
        router: 200_000,
        envoy: 190_000,
        ratio: 1.0526,
        variants: [
          { name: "without retries", saved: 3400 },
          { name: "without the access log", saved: 30_000 },
        ],
      },
    },
    stageChange: summarizeChanges([change(up, 1), change(up + 1, 1), change(up - 1, 1)]),
    brake: [brakeTime(2, brake), brakeTime(10, brake)],
    detection: brake > 1.5 ? detection(3.1, 26, 1) : detection(3, 25, 0),
    guard,
  };
}

const good = measured({}, 4, 1, guardFigures(0.25, 195));
const bad = measured(
  { throughput: 9000, cpuMicroseconds: 110, p99Ms: 2.4 },
  6,
  1.7,
  guardFigures(0.5, 200),
);

describe("figures of the pairs", () => {
  it("are medians of ratios and differences within a pair", () => {
    const { throughputRatio, cpuRatio, p99AddedMs } = summarize([
      pair({ throughput: 9000, cpuMicroseconds: 110, p99Ms: 2.5 }),
      pair({ throughput: 9900, cpuMicroseconds: 101, p99Ms: 2.1 }),
      pair({ throughput: 100, cpuMicroseconds: 900, p99Ms: 90 }),
    ]);
    expect([throughputRatio, cpuRatio]).toEqual([0.9, 1.1]);
    expect(p99AddedMs).toBeCloseTo(0.5);
  });

  it("say when something other than Envoy was the limit", () => {
    expect(summarize([pair({})]).envoyWasTheLimit).toBe(true);
    const idle = { ...plain, coreShare: 0.5 };
    expect(summarize([{ ...pair(idle), envoy: idle }]).envoyWasTheLimit).toBe(false);
  });
});

describe("goals", () => {
  it("are all met by good figures, without reasons", () => {
    const { goals, allMet } = judge(good);
    expect(goals).toHaveLength(13);
    expect(goals.filter(({ verdict }) => verdict !== "met")).toEqual([]);
    expect(goals.some(({ why }) => why !== undefined)).toBe(false);
    expect(allMet).toBe(true);
  });

  it("that are missed name the profile that shows why", () => {
    const { goals, allMet } = judge(bad);
    expect(allMet).toBe(false);
    const missed = goals
      .filter(({ verdict }) => verdict === "missed")
      .map(({ what, why }) => [what, why]);
    expect(missed).toEqual([
      ["throughput at saturation, router to plain Envoy", expect.stringContaining("profile")],
      ["CPU for a request, router to plain Envoy", expect.stringContaining("access log 30,000")],
      ["p99 that the router adds at half load", expect.stringContaining("1.053")],
      ["pulumi up of a stage change, warm", expect.stringContaining("program 1.00 s")],
      [
        "brake to 0 % at 2 replicas, process start included",
        expect.stringContaining("takes 0.80 s"),
      ],
      [
        "brake to 0 % at 10 replicas, process start included",
        expect.stringContaining("takes 0.80 s"),
      ],
      ["V2 fails always at p10: off traffic", "detection.faults[].figures: 3.1, 4.1, 2.6"],
      ["V2 fails always at p10: failed requests", "detection.faults[].figures: 26, 26, 26"],
      ["rollbacks in 3 healthy migrations, 60 s without data in each", undefined],
      [
        "longest evaluation of the guard, 100 agents and 1,000 pods",
        "guard.evaluations: collecting takes 0.49 s of it, judging 0.01 s; the guard waited for its core 1 % of the time, the agents 20 %",
      ],
      [
        "most memory of the guard, 1,900,000 sessions",
        "guard.memory: in the end heap 41 MiB, external 52 MiB, file 60 MiB",
      ],
    ]);
  });

  it("are missed by a V2 that is not braked in most of the tries", () => {
    const { goals } = judge({ ...good, detection: detection(null, 0, 0) });
    expect(goals.filter(({ verdict }) => verdict === "missed")).toMatchObject([
      { what: "V2 fails always at p10: off traffic", measured: "no brake" },
      { what: "V2 fails 20 % at p10: off traffic", measured: "no brake" },
    ]);
  });

  it("are not shown to be met by pairs that scatter over the limit, nor by few pairs", () => {
    const verdicts = (pairs: readonly Pair[]) => {
      const routerVsEnvoy = { ...(good.routerVsEnvoy as RouterVsEnvoy), ...summarize(pairs) };
      return judge({ ...good, routerVsEnvoy }).goals.slice(0, 3);
    };
    const p99 = (added: number) => pair({ p99Ms: plain.p99Ms + added });
    const scattered = verdicts([-50, -40, -1, -1, 40, 50].map(p99));
    expect(scattered.map(({ verdict }) => verdict)).toEqual(["met", "met", "not shown"]);
    expect(scattered[2]?.why).toContain("profile");
    const few = verdicts(Array.from({ length: 5 }, () => pair({})));
    expect(few.map(({ verdict }) => verdict)).toEqual(["not shown", "not shown", "not shown"]);
    const worse = verdicts([1, 1, 1].map(p99));
    expect(worse[2]?.verdict).toBe("missed");
  });

  it("are only those of what was measured", () => {
    const { startedAt, durationSeconds, machine, versions, brake = [] } = bad;
    const alone = { startedAt, durationSeconds, machine, versions, brake };
    expect(judge(alone).goals).toHaveLength(2);
  });
});

describe("the table", () => {
  it("shows every part and what is missed", () => {
    // Widths of columns are of no interest.
    const table = resultTable(judge(bad)).replaceAll(/ +/g, " ");
    expect(table).toContain("requests a second 9000 10000 x 0.900 (0.900 to 1.000)");
    expect(table).toContain("router-agent: 9.0 CPU µs a request at 5000 a second");
    expect(table).toContain("pulumi up 6.00 s 5.00 to 7.00");
    expect(table).toContain("10 replicas 1.70 s");
    expect(table).toContain("guard, 60 evaluations median p99 longest");
    expect(table).toContain("from asking to the verdict 0.050 s 0.200 s 0.500 s");
    expect(table).toContain("200 MiB 125 MiB 60 MiB");
    expect(table).toContain("0.25 of a core; at most 1.3 s from one verdict to the next");
    expect(table).toContain("the guard waited for its core 1 % of the time, the agents 20 %");
    expect(table).toContain("100 agents, 1,000 pods, 10,000 requests a second, 1,900,000 sessions");
    expect(table).toContain("V2 fails 20 % 3.1 s 3.1 s, 4.1 s, 2.6 s 26");
    expect(table.match(/MISSED/g)).toHaveLength(11);
    expect(table).not.toContain("the load was the limit");
  });

  it("leaves out what was not measured", () => {
    const { startedAt, durationSeconds, machine, versions } = good;
    const stageChange = summarizeChanges([change(4, 1)]);
    const alone = { startedAt, durationSeconds, machine, versions, stageChange };
    const table = resultTable(judge(alone));
    expect(table).toContain("pulumi up");
    expect(table).not.toContain("router");
    expect(table).not.toContain("brake");
    expect(table).not.toContain("guard");
  });
});
