import type { AgentReport } from "../agent-report.ts";
import { countsAt } from "../evidence/counts.ts";
import type { Verdict } from "../evidence/evaluate.ts";
import { formatCount, formatPercent } from "../evidence/format.ts";
import type { EvidenceRow } from "../evidence/row.ts";
import type { Thresholds } from "../evidence/settings.ts";
import type { Window } from "../evidence/windows.ts";
import type { RolloutRecord } from "../rollout-record.ts";
import { shareAgrees, shareTolerance } from "../share-agreement.ts";
import type { Stage } from "../stages.ts";

/** One thing that must hold before the next stage may start. */
export interface Check {
  readonly name: string;
  /** Null: it could not be decided, because something is missing. Missing data is never a pass. */
  readonly passed: boolean | null;
  readonly observed: string;
  readonly limit: string;
  /** Over what it was observed. */
  readonly window: string;
}

/** The verdict of the journal, recomputed from it. */
interface JudgedRow {
  readonly row: EvidenceRow;
  readonly verdict: Verdict;
  /** Whether recomputing gave the very same verdict. */
  readonly replayed: boolean;
}

/** Everything that a gate looks at. */
export interface GateInput {
  /** Milliseconds since 1970. */
  readonly now: number;
  /** The declared stage. */
  readonly stage: Stage;
  readonly rollout: RolloutRecord;
  readonly brakeEngaged: boolean;
  /** Number of routers that there should be, and what those say that answer. */
  readonly routers: { readonly expected: number; readonly reports: readonly AgentReport[] };
  /** Undefined: the journal holds no verdict. */
  readonly judged: JudgedRow | undefined;
  /** A verdict that is older does not count, seconds. */
  readonly freshSeconds: number;
  /** The last window of the journal; undefined: it is too short. */
  readonly window: { readonly seconds: number; readonly sides: Window } | undefined;
  readonly thresholds: Thresholds;
  /** V2's pods; undefined where they could not be read. */
  readonly v2Pods: { readonly ready: number; readonly wanted: number } | undefined;
}

/** Checks that concern every stage. */
export function commonChecks(input: GateInput): Check[] {
  return [
    agreement(input),
    observedShare(input),
    brakeCheck(input),
    journalCheck(input),
    verdictCheck(input),
    dwell(input),
  ];
}

function agreement({ rollout, routers: { expected, reports } }: GateInput): Check {
  const check = { name: "commanded = applied", window: "now" };
  const limit = `${rollout.percentage} % in all ${expected} routers`;
  const applied = [...new Set(reports.map(({ appliedPercentage }) => appliedPercentage))];
  const observed = `${applied.join(" and ") || "nothing"} % in ${reports.length} routers`;
  if (reports.length < expected) return { ...check, limit, observed, passed: null };
  const waiting = reports.flatMap(({ pod, waiting: what }) =>
    what === null ? [] : `${pod}: ${what}`,
  );
  if (waiting.length > 0) return { ...check, limit, observed: waiting.join("; "), passed: false };
  return { ...check, limit, observed, passed: applied.every((one) => one === rollout.percentage) };
}

function observedShare({ rollout: { percentage }, judged }: GateInput): Check {
  const check = { name: "applied = observed", window: "this stage" };
  if (judged === undefined) return { ...check, ...missing("the journal holds no counts") };
  const { counts, routers } = judged.row;
  const v1 = countsAt(counts, percentage, "v1").sessions;
  const v2 = countsAt(counts, percentage, "v2").sessions;
  const total = v1 + v2;
  const mispredicted = routers.reduce((sum, router) => sum + router.mispredicted, 0);
  if (total === 0) return { ...check, ...missing(`no session at ${percentage} %`) };
  const share = formatPercent(v2 / total);
  return {
    ...check,
    observed: `${share} of ${formatCount(total)} sessions on V2, ${formatCount(mispredicted)} decisions unlike the predictor`,
    limit: `${percentage} % within ${shareTolerance(percentage, total).toFixed(1)}, 0 decisions`,
    passed: shareAgrees(percentage, { v1, v2 }) && mispredicted === 0,
  };
}

function brakeCheck({ brakeEngaged }: GateInput): Check {
  const observed = brakeEngaged ? "engaged" : "released";
  return { name: "brake", window: "now", observed, limit: "released", passed: !brakeEngaged };
}

function journalCheck({ judged, now, freshSeconds }: GateInput): Check {
  const check = { name: "journal", window: "its newest verdict" };
  const limit = `at most ${freshSeconds} s old, and the same when recomputed`;
  if (judged === undefined) return { ...check, limit, observed: "no verdict", passed: null };
  const age = Math.max(0, (now - judged.row.at) / 1000);
  const same = judged.replayed ? "the same when recomputed" : "another one when recomputed";
  const observed = `${age.toFixed(0)} s old, ${same}`;
  if (age > freshSeconds) return { ...check, limit, observed, passed: null };
  return { ...check, limit, observed, passed: judged.replayed };
}

/**
 * The guards' verdict. Evidence against V2 fails the gate; evidence that is short, and data that are missing or doubtful,
 * leave it undecided.
 */
function verdictCheck({ judged }: GateInput): Check {
  const check = { name: "verdict", window: "this attempt", limit: "pass" };
  if (judged === undefined) return { ...check, observed: "none", passed: null };
  const { kind, reasons, findings } = judged.verdict;
  const observed = `${kind}: ${reasons.join("; ")}`;
  if (kind === "pass") return { ...check, observed, passed: true };
  const against = findings.some(
    ({ action, basis }) => (action === "rollback" || action === "hold") && basis !== "data",
  );
  return { ...check, observed, passed: against ? false : null };
}

function dwell({ stage, judged, now }: GateInput): Check {
  const check = { name: "time at this stage", window: "this stage" };
  const needed = stage.dwellSeconds;
  if (needed === undefined) {
    return { ...check, observed: "it stays until people go on", limit: "people", passed: true };
  }
  const limit = `${formatSeconds(needed)} or more`;
  if (judged === undefined) return { ...check, limit, observed: "not known", passed: null };
  const stayed = Math.max(0, (now - judged.row.stage.since) / 1000);
  return { ...check, limit, observed: formatSeconds(stayed), passed: stayed >= needed };
}

/** What is missing, as the end of a check. */
export function missing(observed: string): Pick<Check, "observed" | "limit" | "passed"> {
  return { observed, limit: "–", passed: null };
}

function formatSeconds(seconds: number): string {
  if (seconds < 120) return `${Math.floor(seconds)} s`;
  return seconds < 7200 ? `${Math.floor(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}
