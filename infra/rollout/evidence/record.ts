import { z } from "zod";
import { sides } from "../decision.ts";
import { addDurations } from "./durations.ts";
import { slis } from "./slis.ts";

const count = z.int().min(0);

const sideRecordSchema = z.strictObject({
  percentage: z.int().min(0).max(100),
  side: z.enum(sides),
  /** Requests decided for the side. */
  requests: count,
  /** Those of them without a session id: each is a session of its own. */
  anonymous: count,
  /** Bad requests by SLI; without those that had none. */
  bad: z.partialRecord(z.enum(slis), count),
  /** Durations that are evidence, as `durationKey` counts them. */
  durations: z.record(z.string().regex(/^\d+$/), count),
  /** START_TIME of the first request, milliseconds since 1970. */
  firstAt: z.number(),
});

/** What a router decided for one side at one percentage. */
export type SideRecord = z.infer<typeof sideRecordSchema>;

/** Schema of a record, as agents send and store it. */
export const evidenceRecordSchema = z.strictObject({
  /** Numbers of the first and the last of the records that this one unites; one alone has both the same. */
  from: z.int().min(1),
  to: z.int().min(1),
  /** When the last line was read, milliseconds since 1970. */
  at: z.number(),
  sides: z.array(sideRecordSchema),
  /** Session events (`session-events.ts`), base64. */
  sessions: z.base64(),
});

/**
 * What a router-agent read from the decision log between two moments, about one second apart: counts, and every session
 * that was newly seen or newly bad, by hash. Records are numbered without gaps; all of them together are what
 * the router knows about an attempt.
 */
export type EvidenceRecord = z.infer<typeof evidenceRecordSchema>;

/** Adds up what two records say about the same side and percentage. */
export function addSides(a: SideRecord, b: SideRecord): SideRecord {
  const bad: SideRecord["bad"] = { ...a.bad };
  for (const sli of slis) {
    const sum = (a.bad[sli] ?? 0) + (b.bad[sli] ?? 0);
    if (sum > 0) bad[sli] = sum;
  }
  return {
    percentage: a.percentage,
    side: a.side,
    requests: a.requests + b.requests,
    anonymous: a.anonymous + b.anonymous,
    bad,
    durations: addDurations([a.durations, b.durations]),
    firstAt: Math.min(a.firstAt, b.firstAt),
  };
}

/** Unites records that follow each other, at least one. */
export function uniteRecords(records: readonly EvidenceRecord[]): EvidenceRecord {
  const [first] = records;
  const last = records.at(-1);
  if (first === undefined || last === undefined) throw new RangeError("There are no records.");
  const united = new Map<string, SideRecord>();
  for (const side of records.flatMap(({ sides }) => sides)) {
    const key = `${side.percentage} ${side.side}`;
    const before = united.get(key);
    united.set(key, before === undefined ? side : addSides(before, side));
  }
  const events = records.map(({ sessions }) => Buffer.from(sessions, "base64"));
  return {
    from: first.from,
    to: last.to,
    at: last.at,
    sides: [...united.values()],
    sessions: Buffer.concat(events).toString("base64"),
  };
}
