import { z } from "zod";
import { bucketOfHash, idHash } from "../bucket.ts";
import type { DecisionLine } from "../decision-log.ts";
import type { Side } from "../decision.ts";
import { attemptSchema } from "./attempt.ts";
import type { Attempt } from "./attempt.ts";
import { durationKey } from "./durations.ts";
import { changeOf, changesSchema, numberAt } from "./changes.ts";
import type { Change } from "./changes.ts";
import type { EvidenceRecord, SideRecord } from "./record.ts";
import { EventWriter, kindFlags, readEvents } from "./session-events.ts";
import type { SessionEventKind } from "./session-events.ts";
import { SessionTable } from "./session-table.ts";
import { badSlis, isTimed } from "./slis.ts";
import type { Sighting, Sli } from "./slis.ts";

/** Sessions that a book knows, each at each percentage counted: about 21 MB. */
const bookCapacity = 1_000_000;

/** Schema of what a book remembers besides its records. */
export const bookStateSchema = z.strictObject({
  /** Null until a guard names one: what was seen until then belongs to the first one that began before. */
  attempt: attemptSchema.nullable(),
  /** Requests that began earlier do not count, milliseconds since 1970. */
  since: z.number(),
  /** Number of the last record. */
  last: z.int().min(0),
  /** False when it was lost, or has more sessions than it can hold: then it misses some, of both sides alike. */
  complete: z.boolean(),
  /** Decisions whose side is not what bucket and percentage give. */
  mispredicted: z.int().min(0),
  changes: changesSchema,
});

/** What a book remembers besides its records. */
export type BookState = z.infer<typeof bookStateSchema>;

/** State of a book that knows nothing. */
export function emptyBookState(now: number): BookState {
  return { attempt: null, since: now, last: 0, complete: true, mispredicted: 0, changes: [] };
}

/** A request that is not the first of its session, or that is a session of its own. */
const laterRequest: Sighting = { firstAfterChange: false, knownBefore: false, settling: false };

type OpenSide = { -readonly [Name in keyof SideRecord]: SideRecord[Name] };

/**
 * What one router knows about an attempt. A session's first sight, and its first bad request of each kind, become events
 * of the next record; everything else is counted. Sessions are kept by hash. A request without a session id
 * is a session of its own and kept only if it was bad, so that anonymous traffic fills no memory.
 */
export class EvidenceBook {
  private readonly state: BookState;
  private table: SessionTable;
  private events = new EventWriter();
  private open = new Map<number, OpenSide>();

  /**
   * @param state kept up to date
   * @param records what the state was stored with: the sessions that are known
   */
  constructor(state: BookState, records: Iterable<EvidenceRecord> = [], capacity = bookCapacity) {
    this.state = state;
    this.table = new SessionTable(capacity);
    for (const { at, sessions } of records) {
      for (const { hash, percentage, kind } of readEvents(Buffer.from(sessions, "base64"))) {
        const entry = this.table.entry(hash, percentage);
        if (entry === -1) continue;
        this.table.set(entry, kindFlags[kind]);
        if (kind === "seen") this.table.mark(entry, numberAt(state.changes, percentage, at));
      }
    }
  }

  /** Sessions that wait for the next record. */
  get waiting(): number {
    return this.events.count;
  }

  /**
   * Takes the attempt that a guard names. Another one begins a new book; the same one may bring a threshold.
   *
   * @returns whether a new book began: the records of the old one are void
   */
  follow(attempt: Attempt, now: number): boolean {
    const { state } = this;
    const known = state.attempt;
    if (known !== null && attempt.version <= known.version) return false;
    const goesOn = known === null ? attempt.since <= state.since : attempt.name === known.name;
    state.attempt = attempt;
    if (goesOn) return false;
    const begin = { since: Math.max(attempt.since, now), last: 0, complete: true, mispredicted: 0 };
    Object.assign(state, begin);
    this.table = new SessionTable(this.table.capacity);
    this.events = new EventWriter();
    this.open = new Map();
    return true;
  }

  /** Enters a line of the decision log; those that are no evidence are passed over. */
  take(line: DecisionLine): void {
    const { decided, percentage, revision, hashed } = line;
    if (decided === undefined || percentage === undefined || revision === undefined) return;
    if (line.override !== undefined || line.startTime < this.state.since) return;
    const anonymous = hashed !== "session";
    const hash = idHash(anonymous ? line.requestId : (line.sessionId ?? ""));
    const change = changeOf(this.state.changes, revision, percentage, line.startTime);
    const bucket = bucketOfHash(hash);
    if (decided !== (bucket < percentage ? "v2" : "v1")) this.state.mispredicted += 1;
    const side = this.sideOf(percentage, decided, line.startTime);
    side.requests += 1;
    let entry = -1;
    let sighting: Sighting = laterRequest;
    if (anonymous) side.anonymous += 1;
    else {
      entry = this.entryOf(hash, percentage);
      if (entry !== -1) sighting = this.see(entry, hash, decided, change, line.startTime);
    }
    const { slowMilliseconds = null, candidates = [] } = this.state.attempt ?? {};
    const context = { slowMilliseconds: slowMilliseconds ?? undefined, ...sighting };
    const bad = badSlis(line, context);
    if (anonymous && bad.length > 0) entry = this.entryOf(hash, percentage);
    const first = (kind: SessionEventKind) => {
      if (entry === -1 || !this.table.set(entry, kindFlags[kind])) return;
      this.events.add({ hash, percentage, side: decided, kind });
    };
    for (const sli of bad) {
      countBad(side, sli);
      first(sli);
    }
    if (!isTimed(context)) return;
    const key = durationKey(line.durationMs);
    side.durations[key] = (side.durations[key] ?? 0) + 1;
    if (percentage > 0 || slowMilliseconds !== null || anonymous) return;
    for (const [index, candidate] of candidates.entries()) {
      if (line.durationMs > candidate) first(`candidate${index as 0 | 1 | 2 | 3}`);
    }
  }

  /**
   * Closes the record of what was taken since the last one.
   *
   * @param now milliseconds since 1970
   * @returns undefined where nothing was taken
   */
  close(now: number): EvidenceRecord | undefined {
    if (this.open.size === 0) return undefined;
    this.state.last += 1;
    const { last } = this.state;
    const sides = [...this.open.values()];
    this.open = new Map();
    const sessions = this.events.take().toString("base64");
    return { from: last, to: last, at: now, sides, sessions };
  }

  /** Enters a request of a session, and says when it comes. */
  private see(
    entry: number,
    hash: bigint,
    side: Side,
    { percentage, number, at }: Change,
    startTime: number,
  ): Sighting {
    const isNew = this.table.set(entry, kindFlags.seen);
    if (isNew) this.events.add({ hash, percentage, side, kind: "seen" });
    if (!this.table.mark(entry, number)) return laterRequest;
    const { attempt, since } = this.state;
    // An attempt that begins while V2 serves knows no session, and V2 may be another one: all of its sessions are cold.
    const from = percentage > 0 ? Math.max(at, since) : at;
    return {
      firstAfterChange: true,
      knownBefore: !isNew || this.table.isElsewhere(hash, percentage),
      settling: startTime < from + (attempt?.settleMilliseconds ?? 0),
    };
  }

  private entryOf(hash: bigint, percentage: number): number {
    const entry = this.table.entry(hash, percentage);
    if (entry === -1) this.state.complete = false;
    return entry;
  }

  private sideOf(percentage: number, side: Side, startTime: number): OpenSide {
    const key = 2 * percentage + (side === "v2" ? 1 : 0);
    const known = this.open.get(key);
    if (known !== undefined) {
      known.firstAt = Math.min(known.firstAt, startTime);
      return known;
    }
    const fresh = { requests: 0, anonymous: 0, bad: {}, durations: {}, firstAt: startTime };
    const opened: OpenSide = { percentage, side, ...fresh };
    this.open.set(key, opened);
    return opened;
  }
}

function countBad(side: OpenSide, sli: Sli): void {
  side.bad[sli] = (side.bad[sli] ?? 0) + 1;
}
