import type { AgentReport } from "../../../infra/rollout/agent-report.ts";
import type { Engagement } from "../../../infra/rollout/brake.ts";
import { isByGuard, observeBrake } from "../../../infra/rollout/brake.ts";
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

/** Follows which engagements of the brake are in force, and how far a guard's rollback has come. */
export class BrakeWatch {
  private engagements: readonly Engagement[] = [];
  private readonly noted = new Set<string>();
  private progress: RollbackProgress | undefined;

  /** The engagement of a guard that is in force; undefined: none is. */
  get byGuard(): Engagement | undefined {
    return this.engagements.find(isByGuard);
  }

  /** The last rollback of a guard that was seen. */
  get rollback(): RollbackProgress | undefined {
    return this.progress;
  }

  /** Everything that is in force is new for the journal once more: another guard may have died before it wrote it. */
  tellAgain(): void {
    this.noted.clear();
  }

  /**
   * Takes what the routers hold and what the object says.
   *
   * @param data content of the ConfigMap; undefined where it is not known
   * @returns what is new for the journal
   */
  observe(
    reports: readonly AgentReport[],
    data: Readonly<Record<string, string>> | undefined,
    attempt: string,
    now: number,
  ): JournalEntry[] {
    const held = new Map(
      reports.flatMap(({ brake }) => brake.engagements).map((one) => [one.id, one] as const),
    );
    const seen = data === undefined ? "unknown" : "present";
    this.engagements = observeBrake([...held.values()], { kind: seen, data });
    return [
      ...this.engagements.flatMap((engagement) => this.engaged(engagement, now)),
      ...Object.entries(data ?? {}).flatMap(([key, value]) => this.released(key, value, now)),
      ...this.follow(reports, attempt, now),
    ];
  }

  private engaged({ id, who, when, why, source }: Engagement, now: number): JournalEntry[] {
    if (this.isNoted(`engaged ${id} ${when}`)) return [];
    const at = Date.parse(when);
    const time = Number.isNaN(at) ? now : at;
    const by = { who, why, source: source ?? "unknown" };
    return [{ kind: "brake", at: time, action: "engaged", id, ...by }];
  }

  private released(key: string, value: string, now: number): JournalEntry[] {
    if (!key.startsWith(releasedPrefix) || this.isNoted(`${key} ${value}`)) return [];
    const id = key.slice(releasedPrefix.length);
    const { who, when, why } = releaseOf(value);
    const at = Number.isNaN(Date.parse(when)) ? now : Date.parse(when);
    return [{ kind: "brake", at, action: "released", id, who, why, source: "release" }];
  }

  private follow(reports: readonly AgentReport[], attempt: string, now: number): JournalEntry[] {
    const { byGuard } = this;
    if (byGuard === undefined) return [];
    if (this.progress?.id !== byGuard.id) {
      const decidedAt = Date.parse(byGuard.when) || now;
      const { id, why } = byGuard;
      this.progress = { id, why, decidedAt, zeroAt: null, drainedAt: null };
    }
    this.advance(reports, now);
    const { id, why, decidedAt, zeroAt, drainedAt } = this.progress;
    if (zeroAt === null || drainedAt === null || this.isNoted(`drained ${id}`)) return [];
    const times = { decidedAt, zeroAt, drainedAt };
    return [{ kind: "rollback", engagement: id, attempt, ...times, reasons: [why] }];
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

  private isNoted(what: string): boolean {
    const known = this.noted.has(what);
    this.noted.add(what);
    return known;
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
