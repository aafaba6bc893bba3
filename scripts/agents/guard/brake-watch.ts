import type { AgentReport } from "../../../infra/rollout/agent-report.ts";
import type { Engagement } from "../../../infra/rollout/brake.ts";
import {
  isByGuard,
  isOwnEngagementId,
  isWritten,
  observeBrake,
} from "../../../infra/rollout/brake.ts";
import type { JournalEntry } from "../../../infra/rollout/journal-entry.ts";

/** How far a guard's rollback has come; times in milliseconds since 1970, null until it is so. */
export interface RollbackProgress {
  readonly id: string;
  readonly why: string;
  readonly decidedAt: number;
  /** Every router applied 0 %. */
  readonly zeroAt: number | null;
  /** V2 worked on nothing any more. */
  readonly drainedAt: number | null;
}

const releasedPrefix = "released.";

/** What an agent reports of Envoy is at most so old, milliseconds. */
const reportAge = 1_500;

/** An engagement that agents hold and the ConfigMap does not is carried there after this time, milliseconds. */
const carryAfter = 10_000;

/**
 * Longest time between two guards' leading, and in which one that begins to look knows what is over. What happened in it
 * nobody may have told people. Milliseconds.
 */
const handover = 15_000;

/** Follows which engagements of the brake are in force, and how far a guard's rollback has come. */
export class BrakeWatch {
  private engagements: readonly Engagement[] = [];
  private data: Readonly<Record<string, string>> | undefined;
  /** First look, milliseconds since 1970. */
  private beganAt = Infinity;
  /** All that was seen, by what makes it new. */
  private readonly seen = new Map<string, JournalEntry>();
  /** Of these what is journaled, or left to the guard that leads. */
  private readonly recorded = new Set<string>();
  /** Since when engagements of guards are held by agents and not known to the ConfigMap, by the clock that only goes forward. */
  private missingSince: ReadonlyMap<string, number> = new Map();
  private progress: (RollbackProgress & { readonly attempt: string }) | undefined;

  /** The engagement of a guard that is in force; undefined: none is. */
  get byGuard(): Engagement | undefined {
    return this.engagements.find(isByGuard);
  }

  /** The last rollback of a guard that was seen. */
  get rollback(): RollbackProgress | undefined {
    return this.progress;
  }

  /** Id of the last engagement of a guard that was seen in an attempt, released or not; undefined: there was none. */
  engagedIn(attempt: string | undefined): string | undefined {
    return this.progress?.attempt === attempt ? this.progress?.id : undefined;
  }

  /** Whether the ConfigMap has an engagement or its release, as far as is known. */
  written(id: string): boolean {
    return this.data !== undefined && isWritten(this.data, id);
  }

  /** An engagement of a guard that agents have held for a while without the ConfigMap; undefined: there is none. */
  get uncarried(): Engagement | undefined {
    const now = performance.now();
    return this.engagements.find(
      ({ id }) => now - (this.missingSince.get(id) ?? now) >= carryAfter,
    );
  }

  /** What the journal does not have. */
  get news(): readonly JournalEntry[] {
    return [...this.seen].filter(([key]) => !this.recorded.has(key)).map(([, entry]) => entry);
  }

  /**
   * Whether people know of a rollback from the guard that led before: it was over before this one led, or before it
   * began to look. The journal takes it once, however often it is news.
   *
   * @param leadsSince since when this guard holds the Lease, milliseconds since 1970
   */
  toldBefore(
    { decidedAt, drainedAt }: Extract<JournalEntry, { readonly kind: "rollback" }>,
    leadsSince: number,
  ): boolean {
    const foundOver = decidedAt < this.beganAt - handover && drainedAt < this.beganAt + handover;
    return foundOver || drainedAt < leadsSince - handover;
  }

  /** All that is news is journaled, or is left to the guard that leads. */
  record(): void {
    for (const key of this.seen.keys()) this.recorded.add(key);
  }

  /**
   * Everything that is in force, or that the journal takes only once, is news again: the guard that led may have died
   * before it wrote it.
   */
  tellAgain(): void {
    const inForce = new Set(this.engagements.map(({ id }) => id));
    for (const [key, entry] of this.seen) {
      if (entry.kind !== "brake" || isOwnEngagementId(entry.id) || inForce.has(entry.id)) {
        this.recorded.delete(key);
      }
    }
  }

  /**
   * Takes what the routers hold and what the object says.
   *
   * @param data content of the ConfigMap; undefined where it is not known
   * @param attempt name of the attempt in force
   */
  observe(
    reports: readonly AgentReport[],
    data: Readonly<Record<string, string>> | undefined,
    attempt: string,
    now: number,
  ): void {
    const held = new Map(
      reports.flatMap(({ brake }) => brake.engagements).map((one) => [one.id, one] as const),
    );
    this.data = data;
    this.beganAt = Math.min(this.beganAt, now);
    const seen = data === undefined ? "unknown" : "present";
    this.engagements = observeBrake([...held.values()], { kind: seen, data });
    for (const engagement of this.engagements) this.noteEngaged(engagement, now);
    for (const [key, value] of Object.entries(data ?? {})) this.noteReleased(key, value, now);
    this.noteMissing();
    this.follow(reports, attempt, now);
  }

  private noteEngaged({ id, who, when, why, source }: Engagement, now: number): void {
    const at = Date.parse(when);
    const time = Number.isNaN(at) ? now : at;
    const by = { who, why, source: source ?? "unknown" };
    this.note(`engaged ${id} ${when}`, { kind: "brake", at: time, action: "engaged", id, ...by });
  }

  private noteReleased(key: string, value: string, now: number): void {
    if (!key.startsWith(releasedPrefix)) return;
    const id = key.slice(releasedPrefix.length);
    const { who, when, why } = releaseOf(value);
    const at = Number.isNaN(Date.parse(when)) ? now : Date.parse(when);
    const by = { who, why, source: "release" };
    this.note(`${key} ${value}`, { kind: "brake", at, action: "released", id, ...by });
  }

  private noteMissing(): void {
    const { data, missingSince } = this;
    const missing = this.engagements.filter(
      (engagement) =>
        isByGuard(engagement) && data !== undefined && !isWritten(data, engagement.id),
    );
    const now = performance.now();
    this.missingSince = new Map(missing.map(({ id }) => [id, missingSince.get(id) ?? now]));
  }

  private follow(reports: readonly AgentReport[], attempt: string, now: number): void {
    const { byGuard } = this;
    if (byGuard === undefined) return;
    if (this.progress?.id !== byGuard.id) {
      const decidedAt = Date.parse(byGuard.when) || now;
      const { id, why } = byGuard;
      this.progress = { id, why, attempt, decidedAt, zeroAt: null, drainedAt: null };
    }
    this.advance(reports, now);
    const { id, why, decidedAt, zeroAt, drainedAt } = this.progress;
    if (zeroAt === null || drainedAt === null) return;
    const times = { decidedAt, zeroAt, drainedAt };
    const entry = { kind: "rollback", engagement: id, attempt, ...times, reasons: [why] } as const;
    this.note(`drained ${id}`, entry);
  }

  private advance(reports: readonly AgentReport[], now: number): void {
    const { progress } = this;
    if (progress === undefined || reports.length === 0) return;
    if (progress.zeroAt === null) {
      const zero = reports.every(({ appliedPercentage }) => appliedPercentage === 0);
      if (zero) this.progress = { ...progress, zeroAt: now };
    } else if (progress.drainedAt === null && now - progress.zeroAt >= reportAge) {
      const working = reports.reduce((sum, { inFlight }) => sum + inFlight.v2, 0);
      if (working === 0) this.progress = { ...progress, drainedAt: now };
    }
  }

  private note(key: string, entry: JournalEntry): void {
    if (!this.seen.has(key)) this.seen.set(key, entry);
  }
}

function releaseOf(json: string): { who: string; when: string; why: string } {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    value = undefined;
  }
  const fields = typeof value === "object" && value !== null ? value : {};
  const text = (name: string): string => {
    const field: unknown = Reflect.get(fields, name);
    return typeof field === "string" && field !== "" ? field : "unknown";
  };
  return { who: text("who"), when: text("when"), why: text("why") };
}
