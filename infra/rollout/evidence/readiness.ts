import { formatCount } from "./format.ts";
import { badSessionsNeeded, ratioToDetect, sessionsNeeded } from "./sessions-needed.ts";
import { quantile } from "./durations.ts";
import { baselineStage } from "../stages.ts";
import type { Budget } from "./budget.ts";
import { countsAt } from "./counts.ts";
import type { Counts } from "./counts.ts";
import type { Finding } from "./findings.ts";
import type { EvidenceRow } from "./row.ts";
import type { EvidenceSettings } from "./settings.ts";

/** Cohorts younger than this multiple of V1's p99 are not judged: a slow V2 would hide its failures. */
const multipleOfP99 = 1.5;

/** Evidence of the stage against what it needs. */
export interface StageProgress {
  /** Distinct V2 sessions at the stage's percentage. */
  readonly sessions: number;
  /** Those needed to pass; null where only time counts. */
  readonly needed: number | null;
  /** Age of the stage's first V2 session, seconds; null before it. */
  readonly ageSeconds: number | null;
  readonly ageNeededSeconds: number;
}

/** How far the stage is. */
export function stageProgress(
  row: EvidenceRow,
  counts: Counts,
  settings: EvidenceSettings,
  budget: Budget,
): StageProgress {
  const { percentage, firstV2At } = row.stage;
  const v1 = countsAt(counts, percentage, "v1");
  const ratio = ratioToDetect(settings.ladder, percentage);
  const share = v1.sessions === 0 ? 0 : v1.bad.failed.sessions / v1.sessions;
  const p99Seconds = (quantile(v1.durations, 0.99) ?? 0) / 1000;
  return {
    sessions: countsAt(counts, percentage, "v2").sessions,
    needed:
      ratio === undefined
        ? null
        : sessionsNeeded(
            badSessionsNeeded(percentage, ratio, settings.toleratedRatio, budget.cumulative),
            ratio,
            share,
            1 - (100 - settings.sloPercent) / 100,
          ),
    ageSeconds: firstV2At === null ? null : Math.max(0, (row.at - firstV2At) / 1000),
    ageNeededSeconds: Math.max(
      percentage === 100 ? settings.bakeSeconds : 0,
      settings.minimumAgeSeconds,
      multipleOfP99 * p99Seconds,
    ),
  };
}

const hold = (code: string, text: string, page = false): Finding => ({
  code,
  action: "hold",
  basis: "data",
  page,
  text,
});

/** What keeps a stage from passing as long as nothing is wrong: evidence that is still short. */
export function shortEvidence(
  row: EvidenceRow,
  counts: Counts,
  progress: StageProgress,
  maximumHoldSeconds: number,
): Finding[] {
  const { percentage, since } = row.stage;
  if (percentage === 0) {
    const { requests } = countsAt(counts, 0, "v1");
    if (requests === 0) return [hold("no-requests", "no request of V1 has been seen")];
    return row.slowMilliseconds === null && row.stage.name !== baselineStage
      ? [hold("slow-not-frozen", "the threshold for slow answers is not frozen yet")]
      : [];
  }
  const { sessions, needed, ageSeconds, ageNeededSeconds } = progress;
  const found: Finding[] = [];
  if (needed !== null && sessions < needed) {
    const text = `${formatCount(sessions)} of ${formatCount(needed)} sessions needed to pass`;
    found.push(hold("sessions-short", text));
  }
  if (ageSeconds === null) found.push(hold("no-requests", "no request has been decided for V2"));
  else if (ageSeconds < ageNeededSeconds) {
    const text = `V2's first session here is ${ageSeconds.toFixed(0)} s old, ${ageNeededSeconds.toFixed(0)} s needed to pass`;
    found.push(hold("age-short", text));
  }
  const waited = (row.at - since) / 1000;
  if (found.length > 0 && waited > maximumHoldSeconds) {
    const text = `inconclusive: the evidence is still short after ${(waited / 3600).toFixed(1)} h; people have to decide`;
    found.push(hold("inconclusive", text, true));
  }
  return found;
}
