import type { AgentReport } from "../agent-report.ts";
import { countsAt } from "../evidence/counts.ts";
import type { Verdict } from "../evidence/evaluate.ts";
import { formatCount, formatPercent } from "../evidence/format.ts";
import type { MemoryState } from "../evidence/memory-growth.ts";
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

/** What is asked, of the machine and of people. */
export interface Questions {
  readonly checks: readonly Check[];
  /** For people: what to look at before they go on. */
  readonly people: readonly string[];
}

/** The newest verdict of the journal, recomputed from it. */
interface JudgedRow {
  readonly row: EvidenceRow;
  readonly verdict: Verdict;
  /** Whether recomputing gave the very same verdict; null: rows before it are missing, so it cannot be recomputed. */
  readonly replayed: boolean | null;
  /** What was known of V2's memory after it; undefined where it cannot be recomputed. */
  readonly memory: MemoryState | undefined;
  /**
   * When it was read, by the clock of the database, milliseconds since 1970: the clock of whoever asks may be wrong by
   * more than a verdict stays fresh.
   */
  readonly readAt: number;
}

/** Everything that a gate looks at. */
export interface GateInput {
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
  /** The last window of the journal; undefined: it is too short, at this stage. */
  readonly window: { readonly seconds: number; readonly sides: Window } | undefined;
  readonly thresholds: Thresholds;
  /** Which of V2's figures can be read at all. */
  readonly measured: {
    readonly contract: "full" | "none";
    /** Whether V2's pods have a limit of CPU that its use can be a share of. */
    readonly cpuLimit: boolean;
  };
  /** V2's pods; undefined where they could not be read. */
  readonly v2Pods: { readonly ready: number; readonly wanted: number } | undefined;
}

/** A row that is newer than this by the database's clock is not explained by clocks that are kept in step, seconds. */
const clockTolerance = 5;

/** What a check says that only a verdict on the declared stage could decide. */
export const noVerdict = "no verdict on this stage yet";

/** What a check says that only a whole window at the declared stage could decide. */
export const noWindow = "the journal of this stage is shorter than a window";

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

/**
 * The newest verdict, if it is about the declared stage: just after a step the guards have judged nothing but the stage
 * before, whose verdict, time and counts say nothing about this one.
 */
export function judgedHere({ judged, stage, rollout }: GateInput): JudgedRow | undefined {
  if (judged === undefined) return undefined;
  const { name, percentage } = judged.row.stage;
  return name === stage.name && percentage === rollout.percentage ? judged : undefined;
}

function observedShare(input: GateInput): Check {
  const check = { name: "applied = observed", window: "this stage" };
  const judged = judgedHere(input);
  if (judged === undefined) return { ...check, ...missing(noVerdict) };
  const { percentage } = input.rollout;
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

function journalCheck({ judged, freshSeconds }: GateInput): Check {
  const check = { name: "journal", window: "its newest verdict" };
  const limit = `at most ${freshSeconds} s old, and the same when recomputed`;
  if (judged === undefined) return { ...check, limit, observed: "no verdict", passed: null };
  const age = (judged.readAt - judged.row.at) / 1000;
  if (age < -clockTolerance) {
    const observed = `${(-age).toFixed(0)} s in the future of the database: set the clocks of its server and the guards' nodes`;
    return { ...check, limit, observed, passed: null };
  }
  const observed = `${Math.max(0, age).toFixed(0)} s old, ${comparison(judged.replayed)}`;
  if (age > freshSeconds) return { ...check, limit, observed, passed: null };
  return { ...check, limit, observed, passed: judged.replayed };
}

function comparison(replayed: boolean | null): string {
  if (replayed === null) return "not to be recomputed, because rows before it are missing";
  return replayed ? "the same when recomputed" : "another one when recomputed";
}

/**
 * The guards' verdict. Evidence against V2 fails the gate; evidence that is short, and data that are missing or doubtful,
 * leave it undecided.
 */
function verdictCheck(input: GateInput): Check {
  const check = { name: "verdict", window: "this attempt", limit: "pass" };
  if (input.judged === undefined) return { ...check, observed: "none", passed: null };
  const judged = judgedHere(input);
  if (judged === undefined) {
    const { name, percentage } = input.judged.row.stage;
    const declared = `${input.stage.name} = ${input.rollout.percentage} %`;
    const observed = `the last verdict is about ${name} = ${percentage} %; ${declared} is declared: wait for the guards' next one`;
    return { ...check, observed, passed: null };
  }
  const { kind, reasons, findings } = judged.verdict;
  const observed = `${kind}: ${reasons.join("; ")}`;
  if (kind === "pass") return { ...check, observed, passed: true };
  const against = findings.some(
    ({ action, basis }) => (action === "rollback" || action === "hold") && basis !== "data",
  );
  return { ...check, observed, passed: against ? false : null };
}

/** Up to the newest verdict, so that both times are of the guards' clocks. */
function dwell(input: GateInput): Check {
  const check = { name: "time at this stage", window: "this stage" };
  const needed = input.stage.dwellSeconds;
  if (needed === undefined) {
    return { ...check, observed: "it stays until people go on", limit: "people", passed: true };
  }
  const limit = `${formatSeconds(needed)} or more`;
  return byVerdict(input, { ...check, limit }, ({ row: { at, stage } }) => {
    const stayed = Math.max(0, (at - stage.since) / 1000);
    return { observed: formatSeconds(stayed), passed: stayed >= needed };
  });
}

/**
 * A check that only a verdict on the declared stage can decide.
 *
 * @param decide says what was seen in it, and whether that is enough
 */
export function byVerdict(
  input: GateInput,
  check: Pick<Check, "name" | "limit" | "window">,
  decide: (judged: JudgedRow) => Pick<Check, "observed" | "passed">,
): Check {
  const judged = judgedHere(input);
  return {
    ...check,
    ...(judged === undefined ? { observed: noVerdict, passed: null } : decide(judged)),
  };
}

/** What is missing, as the end of a check. */
export function missing(observed: string): Pick<Check, "observed" | "limit" | "passed"> {
  return { observed, limit: "–", passed: null };
}

/** A length of time for people. */
export function formatSeconds(seconds: number): string {
  if (seconds < 120) return `${Math.floor(seconds)} s`;
  return seconds < 7200 ? `${Math.floor(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}
