import type { AgentReport } from "../../../infra/rollout/agent-report.ts";
import { evaluate } from "../../../infra/rollout/evidence/evaluate.ts";
import type { Decision } from "../../../infra/rollout/evidence/findings.ts";
import { quantile } from "../../../infra/rollout/evidence/durations.ts";
import type { GateInput } from "../../../infra/rollout/gate/checks.ts";
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
export const passing: Decision = {
  kind: "pass",
  severity: "healthy",
  page: false,
  findings: [],
  reasons: [],
};

/** All that a gate looks at, after a stage where all is well. */
export function openGate(percentage: number): GateInput {
  const onV2 = 40 * percentage;
  const figures = { cpuPercent: 20, memoryPercent: 30, workers: 4, workerFailures: 0 };
  const observed = row(percentage, side(4000 - onV2), side(onV2), {
    at: now,
    pool: { at: now, figures },
  });
  const { verdict } = evaluate(undefined, observed, settings);
  const sideWindow = { requests: 1000, failed: 10, p99: quantile({ "20": 1000 }, 0.99) ?? null };
  return {
    now,
    stage: stageOf(percentage),
    rollout: { stage: `p${String(percentage)}`, percentage },
    brakeEngaged: false,
    routers: { expected: 2, reports: [reportOf("a", percentage), reportOf("b", percentage)] },
    judged: { row: observed, verdict: { ...verdict, ...passing }, replayed: true },
    freshSeconds: 15,
    window: {
      seconds: 60,
      sides: { v1: sideWindow, v2: sideWindow, workerFailures: 0, figures },
    },
    thresholds: settings.thresholds,
    v2Pods: { ready: 4, wanted: 4 },
  };
}
