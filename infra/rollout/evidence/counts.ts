import type { Side } from "../decision.ts";
import type { Durations } from "./durations.ts";
import { slis } from "./slis.ts";
import type { Sli } from "./slis.ts";

/** Cumulative counts of what was bad in one way on one side at one percentage. */
export interface BadCounts {
  /** Bad requests. */
  readonly requests: number;
  /** Distinct sessions with a bad request at this percentage. */
  readonly sessions: number;
  /** Those of them whose first bad request of the whole attempt this was. */
  readonly firstInAttempt: number;
}

/** Cumulative counts of one decided side at one percentage. */
export interface SideCounts {
  /** Requests decided for the side. */
  readonly requests: number;
  /** Distinct sessions of those requests; a request without a session id is a session of its own. */
  readonly sessions: number;
  readonly bad: Readonly<Record<Sli, BadCounts>>;
  /** Of the requests whose duration is evidence. */
  readonly durations: Durations;
}

/**
 * Cumulative integer counts of one attempt by the percentage of the log line and by decided side: all that the
 * evidence depends on. A stage is visited again under the same percentage, so its counts go on.
 */
export type Counts = Readonly<Record<string, Readonly<Record<Side, SideCounts>>>>;

/** Counts of a side that was not seen. */
export const noCounts: SideCounts = {
  requests: 0,
  sessions: 0,
  bad: Object.fromEntries(
    slis.map((sli) => [sli, { requests: 0, sessions: 0, firstInAttempt: 0 }]),
  ) as Record<Sli, BadCounts>,
  durations: {},
};

/** Percentages with counts at which both sides are served, in rising order: V1 is a control there. */
export function controlledPercentages(counts: Counts): number[] {
  return Object.keys(counts)
    .map(Number)
    .filter((percentage) => percentage > 0 && percentage < 100)
    .sort((a, b) => a - b);
}

/** Counts of a side at a percentage. */
export function countsAt(counts: Counts, percentage: number, side: Side): SideCounts {
  return counts[String(percentage)]?.[side] ?? noCounts;
}

/** Why counts cannot be true, as a sentence; undefined when they are consistent. */
export function inconsistency(counts: Counts): string | undefined {
  for (const [percentage, sides] of Object.entries(counts)) {
    for (const [side, { requests, sessions, bad }] of Object.entries(sides)) {
      const where = `${side.toUpperCase()} at ${percentage} %`;
      if (!isCount(requests) || !isCount(sessions)) return `${where} has counts that are none`;
      if (sessions > requests) return `${where} has more sessions than requests`;
      for (const sli of slis) {
        const { requests: badRequests, sessions: badSessions, firstInAttempt } = bad[sli];
        if (!isCount(badRequests) || !isCount(badSessions) || !isCount(firstInAttempt)) {
          return `${where} has counts that are none (${sli})`;
        }
        if (badRequests > requests || badSessions > sessions || firstInAttempt > badSessions) {
          return `${where} has more bad events than events (${sli})`;
        }
      }
    }
  }
  return undefined;
}

/** What went back between two states of the same cumulative counts, as a sentence; undefined when nothing did. */
export function counterReset(earlier: Counts, later: Counts): string | undefined {
  for (const percentage in earlier) {
    if (earlier[percentage] === later[percentage]) continue;
    for (const side of ["v1", "v2"] as const) {
      const before = countsAt(earlier, Number(percentage), side);
      const after = countsAt(later, Number(percentage), side);
      const fell =
        after.requests < before.requests ||
        after.sessions < before.sessions ||
        slis.some(
          (sli) =>
            after.bad[sli].requests < before.bad[sli].requests ||
            after.bad[sli].sessions < before.bad[sli].sessions ||
            after.bad[sli].firstInAttempt < before.bad[sli].firstInAttempt,
        );
      if (fell) {
        return `counts of ${side.toUpperCase()} at ${percentage} % went back from ${String(before.requests)} to ${String(after.requests)} requests`;
      }
    }
  }
  return undefined;
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}
