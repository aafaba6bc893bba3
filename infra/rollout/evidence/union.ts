import type { Side } from "../decision.ts";
import { noCounts } from "./counts.ts";
import type { Counts, SideCounts } from "./counts.ts";
import { addSides } from "./record.ts";
import type { EvidenceRecord, SideRecord } from "./record.ts";
import { EventWriter, kindFlags, readEvents, slowCandidates } from "./session-events.ts";
import type { SessionEvent, SessionEventKind } from "./session-events.ts";
import { SessionTable } from "./session-table.ts";
import { slis } from "./slis.ts";
import type { Sli } from "./slis.ts";
import { firstInAttemptFlag, tableEvents, wholeAttempt } from "./table-events.ts";

/** Sessions that the union of all routers knows, each at each percentage counted: about 39 MB. */
const unionCapacity = 2_000_000;

/** Later than any other. */
const unknownTime = Number.MAX_SAFE_INTEGER;

/** Distinct sessions of a side at a percentage, and those that were bad. */
interface Distinct {
  sessions: number;
  readonly bad: Record<Sli, { sessions: number; firstInAttempt: number }>;
}

/** What one source has told, by side and percentage. */
type Totals = Map<string, SideRecord>;

/** A union as it is kept over a restart. */
export interface UnionSnapshot {
  readonly complete: boolean;
  readonly totals: readonly { readonly router: string; readonly sides: readonly SideRecord[] }[];
  /** Session events in parts; each has to be used before the next one is asked for. */
  readonly sessions: Iterable<Buffer>;
}

/** Name of the source for what was counted before this union was made. */
const earlier = "";

/**
 * What all routers know about an attempt: counts are added up by router, sessions are united by hash, because a session
 * visits several routers. It also collects the events that were new, for the journal.
 */
export class EvidenceUnion {
  private readonly table: SessionTable;
  private readonly fresh = new EventWriter();
  private readonly distinct = new Map<string, Distinct>();
  private readonly totals = new Map<string, Totals>();
  private readonly candidateSessions = new Array<number>(slowCandidates).fill(0);
  private known: Counts = {};
  private readonly changed = new Set<string>();
  /** False where sessions are missing, of both sides alike: counts are too small then, and no stage may pass. */
  complete = true;

  constructor(capacity = unionCapacity) {
    this.table = new SessionTable(capacity);
  }

  /** Adds what a router has told, in the order of its records. */
  add(router: string, record: EvidenceRecord): void {
    // First, because it may turn out to be unreadable: nothing of it is counted then.
    this.addSessions(record);
    const totals = this.totalsOf(router);
    for (const side of record.sides) {
      const key = keyOf(side.percentage, side.side);
      const before = totals.get(key);
      totals.set(key, before === undefined ? side : addSides(before, side));
      this.changed.add(key);
    }
  }

  /**
   * Adds the sessions of a record, and none of its counts.
   *
   * @throws RangeError where they cannot be read
   */
  addSessions({ sessions }: EvidenceRecord): void {
    this.unite(Buffer.from(sessions, "base64"));
  }

  /** Forgets a router's counts, because it tells all of them anew; its sessions are known already. */
  restart(router: string): void {
    for (const key of this.totalsOf(router).keys()) this.changed.add(key);
    this.totals.delete(router);
  }

  /**
   * Adds what an earlier union had counted, and its sessions. Routers then go on from the records that it had.
   *
   * @param sessions session events, base64, in the order in which they were taken
   */
  restore(counts: Counts, sessions: Iterable<string>): void {
    this.uniteKnown(sessions);
    const totals = this.totalsOf(earlier);
    for (const [percentage, sides] of Object.entries(counts)) {
      for (const side of ["v1", "v2"] as const) {
        const { requests, bad, durations } = sides[side];
        if (requests === 0) continue;
        const key = keyOf(Number(percentage), side);
        const { sessions: sessionsWithId, bad: badSessions } = this.distinctOf(key);
        // Bad sessions are all known by hash: fewer of them than were counted means that rows are lost.
        this.complete &&= slis.every((sli) => badSessions[sli].sessions >= bad[sli].sessions);
        totals.set(key, {
          percentage: Number(percentage),
          side,
          requests,
          anonymous: Math.max(0, sides[side].sessions - sessionsWithId),
          bad: Object.fromEntries(slis.map((sli) => [sli, bad[sli].requests])),
          durations: { ...durations },
          firstAt: unknownTime,
        });
        this.changed.add(key);
      }
    }
  }

  /** Cumulative counts; the same object as before for a percentage at which nothing changed. */
  get counts(): Counts {
    if (this.changed.size === 0) return this.known;
    const counts: Record<string, Readonly<Record<Side, SideCounts>>> = { ...this.known };
    for (const key of this.changed) {
      const [percentage = "", side = "v1"] = key.split(" ") as [string, Side];
      const sides = counts[percentage] ?? { v1: noCounts, v2: noCounts };
      counts[percentage] = { ...sides, [side]: this.countsOf(key) };
    }
    this.changed.clear();
    this.known = counts;
    return counts;
  }

  /** START_TIME of the first request of a side at a percentage; undefined before it, or where only earlier ones know. */
  firstAt(percentage: number, side: Side): number | undefined {
    const key = keyOf(percentage, side);
    const first = Math.min(unknownTime, ...this.sidesOf(key).map(({ firstAt }) => firstAt));
    return first === unknownTime ? undefined : first;
  }

  /** Sessions of V1 at 0 % with a request longer than each candidate for the threshold of `slow`. */
  get candidates(): readonly number[] {
    return this.candidateSessions;
  }

  /** Session events that were new since the last call, base64: what the journal needs to make this union again. */
  takeEvents(): string {
    return this.fresh.take().toString("base64");
  }

  /** All session events of the attempt, base64. */
  allEvents(): string {
    let events = "";
    for (const part of tableEvents(this.table)) events += part.toString("base64");
    return events;
  }

  /** Everything that it knows, so that {@link load} makes it again; to be used before it changes. */
  save(): UnionSnapshot {
    const totals = [...this.totals].map(([router, sides]) => ({
      router,
      sides: [...sides.values()],
    }));
    return { complete: this.complete, totals, sessions: tableEvents(this.table) };
  }

  /** Makes the union again that was saved; for one that knows nothing yet. */
  load({ complete, totals, sessions }: UnionSnapshot): void {
    for (const { router, sides } of totals) {
      const own = this.totalsOf(router);
      for (const side of sides) {
        const key = keyOf(side.percentage, side.side);
        own.set(key, side);
        this.changed.add(key);
      }
    }
    this.uniteKnown(sessions);
    this.complete &&= complete;
  }

  /** Unites what is no news to the journal. */
  private uniteKnown(parts: Iterable<Buffer | string>): void {
    for (const part of parts) {
      this.unite(typeof part === "string" ? Buffer.from(part, "base64") : part);
      // Each time, or all of them would be kept.
      this.fresh.take();
    }
  }

  private unite(sessions: Buffer): void {
    for (const event of readEvents(sessions)) this.uniteOne(event);
  }

  private uniteOne(event: SessionEvent): void {
    const { hash, percentage, side, kind } = event;
    const entry = this.entryOf(hash, percentage);
    if (entry === -1 || !this.table.set(entry, kindFlags[kind])) return;
    this.fresh.add(event);
    const key = keyOf(percentage, side);
    const distinct = this.distinctOf(key);
    this.changed.add(key);
    if (kind === "seen") distinct.sessions += 1;
    else if (isCandidate(kind)) {
      const index = Number(kind.at(-1));
      this.candidateSessions[index] = (this.candidateSessions[index] ?? 0) + 1;
    } else {
      const bad = distinct.bad[kind];
      bad.sessions += 1;
      const whole = this.entryOf(hash, wholeAttempt);
      if (whole === -1 || !this.table.set(whole, kindFlags[kind])) return;
      bad.firstInAttempt += 1;
      this.table.set(entry, firstInAttemptFlag(kind));
    }
  }

  private entryOf(hash: bigint, percentage: number): number {
    const entry = this.table.entry(hash, percentage);
    if (entry === -1) this.complete = false;
    return entry;
  }

  private countsOf(key: string): SideCounts {
    const all = this.sidesOf(key);
    const { sessions, bad } = this.distinctOf(key);
    const [first, ...rest] = all;
    const total = first === undefined ? undefined : rest.reduce(addSides, first);
    return {
      requests: total?.requests ?? 0,
      sessions: sessions + (total?.anonymous ?? 0),
      bad: Object.fromEntries(
        slis.map((sli) => [sli, { requests: total?.bad[sli] ?? 0, ...bad[sli] }]),
      ) as SideCounts["bad"],
      durations: total?.durations ?? {},
    };
  }

  private sidesOf(key: string): SideRecord[] {
    return [...this.totals.values()].flatMap((totals) => totals.get(key) ?? []);
  }

  private totalsOf(router: string): Totals {
    const known = this.totals.get(router);
    if (known !== undefined) return known;
    const totals: Totals = new Map();
    this.totals.set(router, totals);
    return totals;
  }

  private distinctOf(key: string): Distinct {
    let distinct = this.distinct.get(key);
    if (distinct === undefined) {
      const none = () => ({ sessions: 0, firstInAttempt: 0 });
      const bad = Object.fromEntries(slis.map((sli) => [sli, none()])) as Distinct["bad"];
      this.distinct.set(key, (distinct = { sessions: 0, bad }));
    }
    return distinct;
  }
}

function keyOf(percentage: number, side: Side): string {
  return `${percentage} ${side}`;
}

function isCandidate(kind: SessionEventKind): kind is `candidate${0 | 1 | 2 | 3}` {
  return kind.startsWith("candidate");
}
