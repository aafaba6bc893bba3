import type { Engagement } from "../../infra/rollout/brake.ts";
import { formatCount, formatEValue, formatPercent } from "../../infra/rollout/evidence/format.ts";
import type { GuardReport, SideRates } from "../../infra/rollout/guard-report.ts";
import type { RolloutRecord } from "../../infra/rollout/rollout-record.ts";
import { describeEngagement } from "../lib/brake-object.ts";

/** What a look at a stack gave. */
export interface Look {
  readonly stack: string;
  readonly rollout: RolloutRecord;
  readonly engagements: readonly Engagement[];
  /** Report of the guard that counts; undefined where none reports. */
  readonly guard: GuardReport | undefined;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** Characters of a bar. */
const barWidth = 30;

/** Lines of the live view. */
export function viewLines({ stack, rollout, engagements, guard, at }: Look): string[] {
  const { stage, percentage } = rollout;
  const time = new Date(at).toISOString().slice(11, 19);
  const applied = guard === undefined ? "?" : String(guard.stage.percentage);
  const head = [
    `${stack}  stage ${stage}: ${percentage} % commanded, ${applied} % applied  ${time} UTC`,
    engagements.length === 0
      ? "brake released"
      : `BRAKE ENGAGED: ${engagements.map(describeEngagement).join("; ")}`,
  ];
  if (guard === undefined) return [...head, "no guard reports: nothing is judged"];
  return [
    ...head,
    ...brakingLine(guard),
    "",
    ...sideTable(guard),
    "",
    ...evidenceTable(guard),
    ...progressLines(guard),
    "",
    ...verdictLines(guard),
  ];
}

/** The same in one line, for a file or a pipe. */
export function plainLine({ rollout, engagements, guard, at }: Look): string {
  const time = new Date(at).toISOString().replace(/\.\d{3}/, "");
  const brake = engagements.length === 0 ? "" : ", brake ENGAGED";
  if (guard === undefined) return `${time} ${rollout.stage}${brake}: no guard reports`;
  const { v1, v2 } = guard.rates;
  const side = ({ requestsPerSecond, failedShare, p99 }: SideRates) =>
    `${requestsPerSecond.toFixed(0)}/s ${shareText(failedShare)} failed p99 ${milliseconds(p99)}`;
  const { kind = "none", reasons = [] } = guard.verdict ?? {};
  const applied = `${guard.stage.percentage} % applied${brake}`;
  return `${time} ${rollout.stage} ${applied}; V1 ${side(v1)}; V2 ${side(v2)}; ${kind}: ${reasons.join("; ")}`;
}

function brakingLine({ braking }: GuardReport): string[] {
  if (braking === null) return [];
  const { decidedAt, zeroAt, drainedAt, why } = braking;
  const after = (time: number | null) =>
    time === null ? "not yet" : `after ${((time - decidedAt) / 1000).toFixed(1)} s`;
  return [`rolled back by a guard: 0 % ${after(zeroAt)}, V2 at rest ${after(drainedAt)}: ${why}`];
}

function sideTable({ rates }: GuardReport): string[] {
  const total = rates.v1.sessions + rates.v2.sessions;
  const row = (name: string, cells: readonly string[]) =>
    name.padEnd(4) + cells.map((cell) => cell.padStart(11)).join("");
  const side = (name: string, of: SideRates) =>
    row(name, [
      total === 0 ? "–" : formatPercent(of.sessions / total),
      of.requestsPerSecond.toFixed(1),
      shareText(of.failedShare),
      milliseconds(of.p50),
      milliseconds(of.p95),
      milliseconds(of.p99),
    ]);
  return [
    row("side", ["sessions", "requests/s", "failed", "p50", "p95", "p99"]),
    side("V1", rates.v1),
    side("V2", rates.v2),
  ];
}

function evidenceTable({ verdict, limits, stage }: GuardReport): string[] {
  if (verdict === null) return [];
  const limit = formatCount(limits.cumulative);
  const stageLimit = formatCount(limits.stage);
  return verdict.evidence.map(({ sli, cumulative, stages, harmExcluded }) => {
    const own = stages.find(({ percentage }) => percentage === stage.percentage)?.logEValue ?? 0;
    const excluded =
      harmExcluded === null ? "no harm excluded yet" : `x${harmExcluded} and more excluded`;
    const attempt = `${bar(cumulative.logEValue / Math.log(limits.cumulative))} e-value ${formatEValue(cumulative.logEValue)} of ${limit}`;
    return `${sli.padEnd(9)} ${attempt}; this stage ${formatEValue(own)} of ${stageLimit}; ${excluded}`;
  });
}

function progressLines({ verdict }: GuardReport): string[] {
  if (verdict === null) return [];
  const { sessions, needed, ageSeconds, ageNeededSeconds } = verdict.progress;
  const evidence =
    needed === null
      ? "evidence  only time counts here"
      : `evidence  ${bar(sessions / needed)} ${formatCount(sessions)} of ${formatCount(needed)} sessions needed to pass`;
  const age = ageSeconds ?? 0;
  return [
    evidence,
    `age       ${bar(ageNeededSeconds === 0 ? 1 : age / ageNeededSeconds)} ${age.toFixed(0)} of ${ageNeededSeconds.toFixed(0)} s`,
  ];
}

function verdictLines({ verdict, leads, journal }: GuardReport): string[] {
  if (verdict === null) return ["nothing was judged yet"];
  const waits = journal.waiting === 0 ? "" : `; ${journal.waiting} entries of the journal wait`;
  const lead = leads ? "" : "; no guard holds the Lease";
  return [
    `verdict   ${verdict.kind} (${verdict.severity})${lead}${waits}`,
    ...verdict.reasons.map((reason) => `  ${reason}`),
  ];
}

/** A bar that is full at 1. */
function bar(share: number): string {
  const full = Math.round(barWidth * Math.min(1, Math.max(0, share)));
  return `[${"#".repeat(full)}${".".repeat(barWidth - full)}]`;
}

function shareText(share: number | null): string {
  return share === null ? "–" : formatPercent(share);
}

function milliseconds(value: number | null): string {
  return value === null ? "–" : `${value} ms`;
}
