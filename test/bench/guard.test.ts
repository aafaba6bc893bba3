import { beforeAll, describe, expect, it } from "vitest";
import type { Verdict } from "../../infra/rollout/evidence/evaluate.ts";
import type { GuardReport } from "../../infra/rollout/guard-report.ts";
import { parseGuardSettings } from "../../infra/rollout/guard-settings.ts";
import { EvaluationClock } from "../../scripts/bench/guard/evaluation-times.ts";
import { shortcomings } from "../../scripts/bench/guard/evidence-check.ts";
import type { Observed } from "../../scripts/bench/guard/evidence-check.ts";
import { guardEnvironment } from "../../scripts/bench/guard/guard-environment.ts";
import { takeGuardFigures } from "../../scripts/bench/guard/guard-figures.ts";
import { parseMemory, parseWaitingSeconds } from "../../scripts/bench/guard/process-usage.ts";
import type { GuardLoad, WorldAccount } from "../../scripts/bench/guard/plan.ts";
import { silentProgress } from "../../scripts/local/progress.ts";
import { exampleGraph, exampleRouter } from "../components/example-stack.ts";
import { guardVariables } from "../components/guard-workload.ts";
import type { Graph } from "../lib/graph.ts";

const load: GuardLoad = {
  agents: 3,
  pods: 10,
  figuresSeconds: 1,
  decisionsPerSecond: 500,
  requestsPerSession: 7,
  knownSessions: 3000,
  warmUpSeconds: 1,
  measuredSeconds: 3,
};

const place = { agents: { host: "127.0.1.1", port: 7001 }, metricsPort: 7002 };

describe("the guard that is measured", () => {
  let graph: Graph;
  beforeAll(async () => {
    const resources = { limits: { cpu: "1", memory: "512Mi" } };
    graph = await exampleGraph("p10", {
      ...exampleRouter({ brakeToken: "brake-token-of-the-tests" }),
      v2: { image: "registry.test/pool:2", resources },
      evidence: { slowMilliseconds: 300 },
    });
  });

  const database = {
    host: "127.0.0.1",
    port: 7003,
    database: "bench",
    user: "writer",
    password: "loopback-only",
    ssl: "disable",
    patience: {
      connectSeconds: 1,
      runnerLockSeconds: 1,
      tableLockMilliseconds: 1,
      attempts: 1,
    },
  } as const;

  it("is started as in its pod, with a stack's defaults", () => {
    const pod = guardVariables(graph);
    const own = guardEnvironment(7000, { agents: 2, figuresSeconds: 5 }, place, database);
    expect(Object.keys(own).sort()).toEqual([...pod.keys()].sort());
    for (const name of ["NODE_OPTIONS", "MALLOC_ARENA_MAX"]) {
      expect(own[name]).toBe(pod.get(name)?.value);
    }
    const settings = parseGuardSettings(own["GUARD_SETTINGS"]);
    const ofPod = parseGuardSettings(pod.get("GUARD_SETTINGS")?.value);
    expect(settings).toEqual({
      ...ofPod,
      bindAddress: "127.0.0.1",
      port: 7000,
      agents: { ...place.agents, expected: 2 },
      v2: { ...ofPod.v2, metrics: { ...ofPod.v2.metrics, port: 7002 } },
    });
  });
});

describe("times of evaluations", () => {
  const metrics = (count: number, whole: number, collecting: number) =>
    [
      "# TYPE guard_evaluation_seconds histogram",
      `guard_evaluation_seconds_sum ${whole}`,
      `guard_evaluation_seconds_count ${count}`,
      `guard_collection_seconds_sum ${collecting}`,
    ].join("\n");

  it("are what the sums grow by from one look to the next", () => {
    const clock = new EvaluationClock();
    clock.look(metrics(10, 90, 80), 1000);
    clock.look(metrics(11, 90.25, 80.125), 2000);
    clock.look(metrics(11, 90.25, 80.125), 2000);
    clock.look(metrics(12, 90.75, 80.5), 3500);
    expect(clock.summary).toMatchObject({
      count: 2,
      median: 0.375,
      longest: { whole: 0.5, collecting: 0.375 },
      longestPause: 1.5,
    });
  });

  it("are those of several together where no look came between", () => {
    const clock = new EvaluationClock();
    clock.look(metrics(1, 1, 1), 1000);
    clock.look(metrics(3, 1.75, 1.5), 3000);
    expect(clock.summary).toMatchObject({ count: 2, longest: { whole: 0.75 }, longestPause: 2 });
  });

  it("do not exist where nothing is evaluated, or nothing is told of it", () => {
    const clock = new EvaluationClock();
    clock.look(metrics(1, 1, 1), 1000);
    clock.look(metrics(1, 1, 1), 1000);
    expect(() => clock.summary).toThrow("not evaluated anything");
    expect(() => clock.look("", 0)).toThrow("no guard_evaluation_seconds_count");
  });
});

describe("what a process uses", () => {
  it("is the memory that its status tells", () => {
    const status = "Name:\tnode\nVmHWM:\t  204800 kB\nRssAnon:\t  102400 kB\nRssFile:\t 61440 kB\n";
    expect(parseMemory(status)).toEqual({ peak: 200, anonymous: 100, file: 60 });
    expect(() => parseMemory("Name:\tnode\n")).toThrow("no VmHWM");
  });

  it("is told apart from the time in which it waits for a core", () => {
    expect(parseWaitingSeconds("7000000000 2500000000 12\n")).toBe(2.5);
  });
});

describe("what was measured", () => {
  const account = (decisions: number, reads: number): WorldAccount => ({
    place: { apiServer: "", ...place },
    phase: "deciding",
    decisions,
    sessions: decisions / 7,
    reads: Array.from({ length: load.pods }, () => reads),
    workers: 40,
  });
  const report = (changes: Partial<GuardReport>): GuardReport => {
    const rates = { failedShare: 0, p50: 1, p95: 1, p99: 1, sessions: 1 };
    return {
      leads: true,
      verdict: { kind: "hold", findings: [] } as unknown as Verdict,
      rates: {
        v1: { ...rates, requestsPerSecond: 450 },
        v2: { ...rates, requestsPerSecond: 50 },
      },
      routers: { expected: 3, reporting: 3 },
      pool: { at: 0, figures: { workers: 40 } },
      journal: { enabled: true, waiting: 0, writtenAt: 0, problem: null },
      ...changes,
    } as GuardReport;
  };
  const whole: Observed = {
    load,
    seconds: 10,
    begin: account(1000, 1),
    end: account(6000, 3),
    reports: [report({}), report({})],
    sessions: { decided: 900, known: 900 },
    journaled: 4,
  };
  const found = (changes: Partial<Observed>) => shortcomings({ ...whole, ...changes });
  const reported = (changes: Partial<GuardReport>) =>
    found({ reports: [report(changes), report(changes)] });

  it("counts where all evidence arrived", () => {
    expect(found({})).toEqual([]);
    const short = { basis: "data", page: false, text: "too few sessions" };
    const verdict = { kind: "hold", findings: [short] } as unknown as Verdict;
    expect(reported({ verdict })).toEqual([]);
    expect(found({ journaled: undefined })).toEqual([]);
  });

  it("does not where less arrived than was decided", () => {
    expect(found({ sessions: { decided: 900, known: 899 } })).toEqual([
      "it knew 899 of the 900 sessions that were decided",
    ]);
    expect(found({ reports: [] })).toContain("the guard has not reported");
    const { v1, v2 } = report({}).rates;
    expect(reported({ rates: { v1, v2: { ...v2, requestsPerSecond: 0 } } })).toEqual([
      "the guard saw only 450 requests a second",
    ]);
    expect(reported({ routers: { expected: 3, reporting: 2 } })).toEqual([
      "2 of 3 router-agents reported",
    ]);
    const fault = { basis: "data", page: true, text: "router-1 is silent" };
    const verdict = { kind: "unknown", findings: [fault] } as unknown as Verdict;
    expect(reported({ verdict })).toEqual(["router-1 is silent"]);
  });

  it("does not where pods were not read", () => {
    expect(found({ end: account(6000, 1) })).toEqual([
      "it did not read the metrics of 10 of 10 pods",
    ]);
    expect(reported({ pool: { at: 0, figures: { workers: 36 } } })).toEqual([
      "it knew 36 of the pods' 40 workers",
    ]);
  });

  it("does not where less was decided than planned, or the guard did less than it does", () => {
    expect(found({ end: account(5000, 3) })).toEqual(["only 400 requests a second were decided"]);
    const idle = { ...load, decisionsPerSecond: 0 };
    expect(found({ load: idle, end: account(1000, 3) })).toEqual([
      "only 0 requests a second were decided",
    ]);
    expect(reported({ leads: false })[0]).toContain("did not hold the Lease");
    expect(found({ journaled: 0 })).toEqual(["nothing was journaled"]);
    const rollback = { kind: "rollback", findings: [] } as unknown as Verdict;
    expect(reported({ verdict: rollback })).toEqual(["it judged a healthy V2 as harmful"]);
  });
});

describe("a small load", () => {
  const figures = (changes: Partial<GuardLoad>, signal = new AbortController().signal) =>
    takeGuardFigures({
      load: { ...load, ...changes },
      cores: { measured: 0, load: 0, pools: 0 },
      database: undefined,
      progress: silentProgress,
      signal,
    });

  it("is measured", async () => {
    const { evaluations, sessions, coreShare, waiting, memory } = await figures({});
    expect(evaluations.count).toBeGreaterThan(1);
    expect(evaluations.longest.whole).toBeGreaterThan(evaluations.longest.collecting);
    expect(evaluations.longest.whole).toBeGreaterThanOrEqual(evaluations.median);
    expect(sessions).toBeGreaterThan(load.knownSessions);
    expect(coreShare).toBeGreaterThan(0);
    for (const share of Object.values(waiting)) expect(share).toBeGreaterThanOrEqual(0);
    expect(memory.peak).toBeGreaterThan(memory.anonymous);
  });

  it("is not where the guard gets no evidence", async () => {
    const idle = { decisionsPerSecond: 0, knownSessions: 0 };
    await expect(figures(idle)).rejects.toThrow(
      /^The guard is not measured: only 0 requests a second were decided\. .* try again when it is quiet/,
    );
  });

  it("ends with its processes when it is interrupted", async () => {
    const interruption = new AbortController();
    const ended = figures({ measuredSeconds: 60 }, interruption.signal);
    setTimeout(() => interruption.abort(new Error("interrupted")), 2500);
    await expect(ended).rejects.toThrow(/interrupted|aborted/);
  });
});
