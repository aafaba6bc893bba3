import { sides } from "../../../infra/rollout/decision.ts";
import type { Side } from "../../../infra/rollout/decision.ts";
import type { Attempt } from "../../../infra/rollout/evidence/attempt.ts";
import type { EvidenceRow } from "../../../infra/rollout/evidence/row.ts";
import type { SideRates } from "../../../infra/rollout/guard-report.ts";
import type { DeclaredRollout } from "./cluster-objects.ts";
import type { Collector } from "./collector.ts";
import type { Journal } from "./journal/journal.ts";
import type { Judge } from "./judge.ts";
import type { BrakeWatch } from "./brake-watch.ts";

/** What is recorded after an evaluation. */
export interface Moment {
  readonly row: EvidenceRow;
  readonly due: boolean;
  readonly rates: Readonly<Record<Side, SideRates>>;
  readonly attempt: Attempt;
  readonly rollout: DeclaredRollout | undefined;
}

/**
 * Journals what the guard that holds the Lease sees and decides. When it gets the Lease it begins a chain of verdicts, and
 * records once more what is in force: the guard before may have died before it did.
 */
export class Recorder {
  private readonly options: {
    readonly pod: string;
    readonly judge: Judge;
    readonly collector: Collector;
    readonly brakes: BrakeWatch;
    readonly journal: Journal;
  };
  private leads = false;
  private since = Infinity;
  private wholeAttempt = true;
  private told: { rollout?: DeclaredRollout; attempt?: number } = {};

  constructor(options: Recorder["options"]) {
    this.options = options;
  }

  /** Since when this guard holds the Lease, milliseconds since 1970. */
  get leadsSince(): number {
    return this.since;
  }

  /** Takes whether this guard holds the Lease; to be called before each evaluation. */
  follow(leads: boolean): void {
    const { judge, brakes, pod } = this.options;
    if (leads === this.leads) return;
    this.leads = leads;
    this.since = leads ? Date.now() : Infinity;
    if (!leads) return;
    judge.beginChain(`${pod} ${new Date().toISOString()}`);
    brakes.tellAgain();
    this.wholeAttempt = true;
    this.told = {};
  }

  /** Journals, where this guard holds the Lease. */
  record(moment: Moment): void {
    const { collector, journal, brakes } = this.options;
    if (!this.leads) {
      // The holder has the same ones.
      if (moment.due) collector.union.takeEvents();
      brakes.record();
      return;
    }
    this.recordAttempt(moment.attempt);
    this.recordStage(moment.row.at, moment.rollout);
    for (const entry of brakes.news) journal.append(entry);
    brakes.record();
    if (moment.due) this.recordVerdict(moment);
  }

  private recordVerdict({ row, rates }: Moment): void {
    const { collector, judge, journal } = this.options;
    const { union, positions: cursors } = collector;
    const fresh = union.takeEvents();
    const sessions = this.wholeAttempt ? union.allEvents() : fresh;
    this.wholeAttempt = false;
    journal.append({ kind: "verdict", ...judge.entry({ sessions, cursors }) });
    for (const side of sides) {
      const figures = side === "v2" ? row.pool?.figures : {};
      const metrics = { ...rates[side], percentage: row.stage.percentage, ...figures };
      journal.append({ kind: "metrics", pool: side, at: row.at, metrics });
    }
  }

  private recordAttempt(attempt: Attempt): void {
    if (this.told.attempt === attempt.version) return;
    this.told.attempt = attempt.version;
    this.options.journal.append({ kind: "attempt", attempt, who: this.options.pod });
  }

  private recordStage(at: number, rollout: DeclaredRollout | undefined): void {
    const before = this.told.rollout;
    if (rollout === undefined || before?.revision === rollout.revision) return;
    this.told.rollout = rollout;
    const { revision, manager, stage, percentage } = rollout;
    const from = before && { stage: before.stage, percentage: before.percentage };
    const to = { stage, percentage };
    const why = "the ConfigMap rollout was written";
    const entry = {
      kind: "stage",
      at,
      revision,
      from: from ?? null,
      to,
      who: manager,
      why,
    } as const;
    this.options.journal.append(entry);
  }
}
