import type { AgentReport } from "../../../infra/rollout/agent-report.ts";
import { evaluate } from "../../../infra/rollout/evidence/evaluate.ts";
import type { Decision } from "../../../infra/rollout/evidence/findings.ts";
import { quantile } from "../../../infra/rollout/evidence/durations.ts";
import { memoryStart } from "../../../infra/rollout/evidence/memory-growth.ts";
import type { GateInput } from "../../../infra/rollout/gate/checks.ts";
import { evaluateGate } from "../../../infra/rollout/gate/gate.ts";
import type { Window } from "../../../infra/rollout/evidence/windows.ts";
import type { Stage } from "../../../infra/rollout/stages.ts";
import { begin, row, settings, side } from "../evidence/sample-row.ts";

/** An hour after the begin of the stage. */
const now = begin + 3_600_000;

/** A stage that has to last half an hour. */
export function stageOf(percentage: number): Stage {
  return {
    name: `p${String(percentage)}`,
    percentage,
    pools: { v1: true, v2: true },
    dwellSeconds: 1800,
    approval: false,
  };
}

/** What a router says that applies a percentage. */
export function reportOf(
  pod: string,
  appliedPercentage: number,
  waiting: string | null = null,
  v2Hosts = 2,
): AgentReport {
  const decisions = { requests: 0, failed: 0, fallbacks: 0 };
  return {
    pod,
    revision: "1.1",
    appliedPercentage,
    commanded: { revision: "1.1", stage: "p", percentage: appliedPercentage },
    brake: { engaged: false, engagements: [] },
    waiting,
    readyHosts: { v1: 2, v2: v2Hosts },
    inFlight: { v1: 0, v2: 0 },
    decisions: { v1: decisions, v2: decisions },
    overrides: { v1: 0, v2: 0 },
    log: { linesRead: 0, unreadableLines: 0, lostLines: 0 },
    apiServer: { reachable: true, secondsSinceContact: 0 },
  };
}

/** A verdict that passes without any finding. */
const passing: Decision = {
  kind: "pass",
  severity: "healthy",
  page: false,
  findings: [],
  reasons: [],
};

/** All that a gate looks at, after a stage where all is well. */
export function openGate(percentage: number): GateInput {
  const onV2 = 40 * percentage;
  const figures = {
    cpuPercent: 20,
    memoryPercent: 30,
    memoryBytesPerPod: 2e8,
    workers: 4,
    workerFailures: 0,
  };
  const observed = row(percentage, side(4000 - onV2), side(onV2), {
    at: now,
    pool: { at: now, figures },
  });
  const { verdict } = evaluate(undefined, observed, settings);
  const sideWindow = { requests: 1000, failed: 10, p99: quantile({ "20": 1000 }, 0.99) ?? null };
  return {
    stage: stageOf(percentage),
    rollout: { stage: `p${String(percentage)}`, percentage },
    brakeEngaged: false,
    routers: { expected: 2, reports: [reportOf("a", percentage), reportOf("b", percentage)] },
    judged: {
      row: observed,
      verdict: { ...verdict, ...passing },
      replayed: true,
      memory: { ...memoryStart(observed), growth: -3 },
      readAt: now,
    },
    freshSeconds: 15,
    window: {
      seconds: 60,
      sides: { v1: sideWindow, v2: sideWindow, workerFailures: 0, figures },
    },
    thresholds: settings.thresholds,
    measured: { contract: "full", cpuLimit: true },
    v2Pods: { ready: 4, wanted: 4 },
  };
}

/** Marks of the checks by their name. */
export type Marks = Readonly<Record<string, boolean | null>>;

/** Outcome, and the marks of all checks that did not pass. */
export function judge(input: GateInput): { outcome: string; others: Marks } {
  const { outcome, checks } = evaluateGate(input);
  const others = checks.filter(({ passed }) => passed !== true);
  return { outcome, others: Object.fromEntries(others.map(({ name, passed }) => [name, passed])) };
}

/** What a check says was observed; undefined where it is not asked. */
export function observed(input: GateInput, check: string): string | undefined {
  return evaluateGate(input).checks.find(({ name }) => name === check)?.observed;
}

/** The gate at a stage where all is well, but for what is changed. */
export function changed(
  percentage: number,
  change: (input: GateInput) => Partial<GateInput>,
): GateInput {
  const input = openGate(percentage);
  return { ...input, ...change(input) };
}

/** The same, where something about the newest verdict is changed. */
export function changedJudged(
  percentage: number,
  change: Partial<NonNullable<GateInput["judged"]>>,
): GateInput {
  return changed(percentage, ({ judged }) => ({ judged: judged && { ...judged, ...change } }));
}

/** The same, where something about its row is changed. */
export function changedRow(
  percentage: number,
  change: (row: NonNullable<GateInput["judged"]>["row"]) => object,
): GateInput {
  return changed(percentage, ({ judged }) => ({
    judged: judged && { ...judged, row: { ...judged.row, ...change(judged.row) } },
  }));
}

/** The same, where something about the verdict itself is changed. */
export const changedVerdict = (percentage: number, change: object, found: object = {}): GateInput =>
  changed(percentage, ({ judged }) => ({
    judged: judged && {
      ...judged,
      verdict: { ...judged.verdict, ...passing, ...change, ...found },
    },
  }));

/** A verdict's only finding. */
export const finding = (code: string, more: object = {}) => ({
  findings: [{ code, action: "alert", basis: "data", page: false, text: `${code} found`, ...more }],
});

/** The gate at a stage where something in the last window is changed. */
export function changedWindow(percentage: number, change: Partial<Window>): GateInput {
  return changed(percentage, ({ window }) => ({
    window: window && { ...window, sides: { ...window.sides, ...change } },
  }));
}
