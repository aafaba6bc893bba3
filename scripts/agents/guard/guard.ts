import type { Server } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "pino";
import { isReleased } from "../../../infra/rollout/brake.ts";
import type { Attempt } from "../../../infra/rollout/evidence/attempt.ts";
import { newerAttempt } from "../../../infra/rollout/evidence/attempt.ts";
import { budget } from "../../../infra/rollout/evidence/budget.ts";
import { countsAt } from "../../../infra/rollout/evidence/counts.ts";
import type { EvaluationSettings, Verdict } from "../../../infra/rollout/evidence/evaluate.ts";
import type { EvidenceRow } from "../../../infra/rollout/evidence/row.ts";
import type { GuardReport } from "../../../infra/rollout/guard-report.ts";
import { evaluationSettings } from "../../../infra/rollout/guard-settings.ts";
import { retiredStage } from "../../../infra/rollout/stages.ts";
import { AttemptKeeper } from "./attempt-keeper.ts";
import { BrakeWatch } from "./brake-watch.ts";
import { BrakeHand } from "./braking.ts";
import { BuildName } from "./build-name.ts";
import { ClusterObjects } from "./cluster-objects.ts";
import { Collector } from "./collector.ts";
import { eventChannel } from "./events.ts";
import { serveGuard } from "./http-interface.ts";
import { Journal } from "./journal/journal.ts";
import { Judge } from "./judge.ts";
import { guardMetrics } from "./metrics.ts";
import { Notices } from "./notices.ts";
import type { GuardOptions } from "./options.ts";
import { PoolWatch } from "./pool-watch.ts";
import { Rates } from "./rates.ts";
import { Recorder } from "./recorder.ts";
import { RouterAgents } from "./router-agents.ts";
import { SnapshotFile } from "./snapshot.ts";
import type { Stage } from "./stage-watch.ts";
import { StageWatch } from "./stage-watch.ts";

/** Between two snapshots: at least this, and more where one is large. Milliseconds. */
const snapshotInterval = 10_000;

/** A snapshot of this size is written once in the interval above, one of twice the size half as often. Bytes. */
const snapshotBytes = 2 * 1024 * 1024;

/**
 * The guard: each second it asks every router what it decided, judges V2 by that, and pulls the brake where the evidence
 * asks for it. All guards do that; the one that holds the Lease also journals, tells people, and names the attempt.
 */
export class Guard {
  private readonly options: GuardOptions;
  private readonly log: Logger;
  private readonly evaluation: EvaluationSettings;
  private readonly agents: RouterAgents;
  private readonly objects: ClusterObjects;
  private readonly pools: PoolWatch;
  private readonly collector: Collector;
  private readonly judge: Judge;
  private readonly stages = new StageWatch();
  private readonly brakes = new BrakeWatch();
  private readonly rates = new Rates();
  private readonly snapshots: SnapshotFile;
  private readonly journal: Journal;
  private readonly attempts: AttemptKeeper;
  private readonly recorder: Recorder;
  private readonly hand: BrakeHand;
  private readonly notices: Notices;
  private readonly build: BuildName;
  private readonly stopping = new AbortController();
  private server: Server | undefined;
  private running: Promise<unknown> = Promise.resolve();
  private last: GuardReport | undefined;
  private snapshotDue = 0;
  private lastStage: Stage | undefined;

  constructor(options: GuardOptions, log: Logger) {
    this.options = options;
    this.log = log;
    const { settings, pod, namespace, token, brakeToken, database, directory, connect } = options;
    this.evaluation = evaluationSettings(settings);
    this.agents = new RouterAgents({ ...settings.agents, token, brakeToken });
    const milliseconds = settings.guard.intervalSeconds * 1000;
    this.objects = new ClusterObjects({ connect, namespace, pod, milliseconds, log });
    const { client } = this.objects;
    this.pools = new PoolWatch({
      client,
      namespace,
      v2: settings.v2,
      figuresMilliseconds: settings.evaluation.intervals.figures,
    });
    this.collector = new Collector(this.agents);
    const { journalSeconds, alertRepeatSeconds, missingDataAlertSeconds } = settings.guard;
    this.judge = new Judge(this.evaluation, journalSeconds * 1000);
    this.snapshots = new SnapshotFile(directory);
    this.journal = new Journal({ directory: `${directory}/journal`, database, log });
    const { judge, collector, brakes, stages, snapshots, journal } = this;
    this.attempts = new AttemptKeeper({ collector, judge, stages, journal, snapshots, log });
    this.recorder = new Recorder({ pod, judge, collector, brakes, journal });
    this.hand = new BrakeHand({ client, namespace, agents: this.agents, pod, log });
    const times = {
      repeatSeconds: alertRepeatSeconds,
      missingDataSeconds: missingDataAlertSeconds,
    };
    this.notices = new Notices(eventChannel(client, namespace, pod), times, log);
    this.build = new BuildName(this.pools, this.evaluation, options.flagsFile);
  }

  /**
   * Serves the HTTP interface, and watches until `stop`.
   *
   * @throws Error when the port is taken
   */
  async start(): Promise<void> {
    const { settings, token } = this.options;
    const metrics = guardMetrics(() => this.last);
    this.server = await serveGuard({
      address: settings.bindAddress,
      port: settings.port,
      token,
      report: () => this.last,
      metrics: () => metrics.metrics(),
    });
    this.running = Promise.all([this.objects.run(), this.pools.run(), this.loop()]);
  }

  /** Keeps what it knows, hands the Lease over and ends. */
  async stop(): Promise<void> {
    this.stopping.abort();
    this.pools.stop();
    await this.hand.stop();
    await this.objects.stop();
    await this.running;
    this.notices.stop();
    this.saveSnapshot();
    await this.journal.close();
    this.agents.close();
    this.server?.closeAllConnections();
    this.server?.close();
  }

  private async loop(): Promise<void> {
    const { signal } = this.stopping;
    const interval = this.options.settings.guard.intervalSeconds * 1000;
    while (!signal.aborted) {
      const begun = performance.now();
      try {
        await this.tick();
      } catch (error) {
        this.log.error({ error: String(error) }, "an evaluation failed; the next one is tried");
      }
      const left = interval - (performance.now() - begun);
      await delay(Math.max(0, left), undefined, { signal }).catch(() => undefined);
    }
  }

  private async tick(): Promise<void> {
    const { leadership } = this.objects;
    const heard = await this.collector.collect(this.attempts.current);
    this.attempts.follow(newerAttempt(heard, leadership?.attempt));
    const leads = leadership?.leads ?? false;
    this.recorder.follow(leads);
    const at = Date.now();
    const { reports, union } = this.collector;
    const stage = this.stages.observe(reports, this.objects.rollout, union, at);
    this.lastStage = stage;
    const name = this.attempts.current?.name ?? "";
    const brake = this.brakes.observe(reports, this.objects.brakeData, name, at);
    if (leads && leadership !== undefined) {
      await this.attempts.decide(leadership, this.observation(at, stage.percentage));
    }
    const attempt = this.attempts.current;
    if (attempt === undefined || !this.collector.holds(attempt)) return;
    const row = this.row(at, attempt, stage);
    const { verdict, due } = this.judge.judge(row);
    this.pullBrake(verdict, attempt, stage);
    const rates = this.rates.take(row);
    const { rollout } = this.objects;
    this.recorder.record({ row, due, rates, attempt, rollout, brake });
    if (leads) this.tell(verdict, brake);
    this.last = this.report(row, verdict, attempt, rates, leads);
    if (at >= this.snapshotDue) this.saveSnapshot();
    void this.attempts.restore();
  }

  private row(at: number, attempt: Attempt, stage: Stage): EvidenceRow {
    const { union, routerStates } = this.collector;
    return {
      at,
      attempt: attempt.name,
      stage,
      slowMilliseconds: attempt.slowMilliseconds,
      counts: union.counts,
      routersExpected: this.options.settings.agents.expected,
      routers: routerStates,
      complete: union.complete,
      pool: this.pools.figures,
    };
  }

  private observation(at: number, percentage: number) {
    const { union } = this.collector;
    const engagement = this.attempts.current?.engagement;
    const { brakeData } = this.objects;
    const { slowMilliseconds, minimumAgeSeconds } = this.evaluation.evidence;
    return {
      at,
      build: this.build.current,
      configuredSlow: slowMilliseconds ?? null,
      engagement: this.brakes.byGuard?.id,
      released:
        engagement == null || brakeData === undefined
          ? undefined
          : isReleased(brakeData, engagement),
      percentage,
      v1: countsAt(union.counts, 0, "v1"),
      candidateSessions: union.candidates,
      measureSeconds: minimumAgeSeconds,
    };
  }

  /** Once an attempt: what a person releases after that begins another one. */
  private pullBrake(verdict: Verdict, attempt: Attempt, stage: Stage): void {
    if (verdict.kind !== "rollback" || stage.percentage === 0 || stage.name === retiredStage)
      return;
    if (attempt.engagement !== null || this.brakes.byGuard !== undefined) return;
    this.hand.engage(attempt.name, verdict.reasons, Date.now());
  }

  private tell(verdict: Verdict, brake: readonly { readonly kind: string }[]): void {
    this.notices.consider(verdict);
    for (const entry of brake) {
      if (entry.kind !== "rollback") continue;
      const why = this.brakes.rollback?.why ?? "";
      const message = `V2 is off traffic and works on nothing: ${why}`;
      this.notices.tell({ reason: "RolledBack", type: "Warning", message, at: verdict.at });
    }
  }

  private report(
    row: EvidenceRow,
    verdict: Verdict,
    attempt: Attempt,
    rates: GuardReport["rates"],
    leads: boolean,
  ): GuardReport {
    const { falseRollbackPercent, notFound } = this.evaluation.evidence;
    const limits = budget(falseRollbackPercent, notFound, this.evaluation.controlledStages);
    const { enabled, waiting, writtenAt, problem } = this.journal;
    const { name, percentage, since } = row.stage;
    return {
      pod: this.options.pod,
      at: row.at,
      leads,
      attempt,
      verdict,
      stage: { name, percentage, since },
      limits: { cumulative: limits.cumulative, stage: limits.stage },
      rates,
      pool: row.pool,
      routers: { expected: row.routersExpected, reporting: row.routers.length },
      braking: this.braking(),
      journal: { enabled, waiting, writtenAt, problem },
    };
  }

  private braking(): GuardReport["braking"] {
    const { braking: own } = this.hand;
    const seen = this.brakes.byGuard === undefined ? undefined : this.brakes.rollback;
    if (seen !== undefined) {
      return { ...seen, objectAt: own?.id === seen.id ? own.objectAt : null };
    }
    if (own === undefined || own.attempt !== this.attempts.current?.name) return null;
    const { id, why, decidedAt, objectAt } = own;
    return { id, why, decidedAt, objectAt, zeroAt: null, drainedAt: null };
  }

  private saveSnapshot(): void {
    const attempt = this.attempts.current;
    const collected = this.collector.save();
    if (attempt === undefined || collected === undefined || this.lastStage === undefined) return;
    try {
      const state = this.judge.state ?? null;
      const size = this.snapshots.write({ attempt, collected, state, stage: this.lastStage });
      this.snapshotDue = Date.now() + snapshotInterval * Math.max(1, size / snapshotBytes);
    } catch (error) {
      this.snapshotDue = Date.now() + snapshotInterval;
      this.log.error({ error: String(error) }, "what is known cannot be kept over a restart");
    }
  }
}
