import type { Server } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "pino";
import { isReleased } from "../../../infra/rollout/brake.ts";
import type { AgentReport } from "../../../infra/rollout/agent-report.ts";
import type { Attempt } from "../../../infra/rollout/evidence/attempt.ts";
import { newerAttempt } from "../../../infra/rollout/evidence/attempt.ts";
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
import type { Leadership } from "./leadership.ts";
import { guardMetrics } from "./metrics.ts";
import { Notices } from "./notices.ts";
import type { GuardOptions } from "./options.ts";
import { PoolWatch } from "./pool-watch.ts";
import { Rates } from "./rates.ts";
import { Recorder } from "./recorder.ts";
import { brakingOf, reportOf } from "./reporting.ts";
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
  private readonly metrics = guardMetrics(() => this.last);
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
      log,
    });
    this.collector = new Collector(this.agents, log);
    const { journalSeconds, alertRepeatSeconds, missingDataAlertSeconds } = settings.guard;
    this.judge = new Judge(this.evaluation, journalSeconds * 1000);
    this.snapshots = new SnapshotFile(directory);
    this.journal = new Journal({ directory: `${directory}/journal`, database, log });
    const { judge, collector, brakes, stages, snapshots, journal } = this;
    this.attempts = new AttemptKeeper({ collector, judge, stages, journal, snapshots, log });
    this.recorder = new Recorder({ pod, judge, collector, brakes, journal });
    const written = (id: string) => this.brakes.written(id);
    this.hand = new BrakeHand({ client, namespace, agents: this.agents, written, pod, log });
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
    this.server = await serveGuard({
      address: settings.bindAddress,
      port: settings.port,
      token,
      report: () => this.last,
      metrics: () => this.metrics.text(),
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
    const asked = performance.now();
    const heard = await this.collector.collect(this.attempts.current);
    const collected = performance.now();
    this.attempts.follow(newerAttempt(heard, leadership?.attempt));
    const leads = leadership?.leads ?? false;
    this.recorder.follow(leads);
    const at = Date.now();
    const { reports, union } = this.collector;
    const stage = this.stages.observe(reports, this.objects.rollout, union, at);
    this.lastStage = stage;
    const attempt = this.attempts.current;
    this.brakes.observe(reports, this.objects.brakeData, attempt?.name ?? "", at);
    const { uncarried } = this.brakes;
    if (uncarried !== undefined) this.hand.carry(uncarried);
    if (attempt !== undefined && this.collector.holds(attempt)) {
      const row = this.row(at, attempt, stage);
      const { verdict, due } = this.judge.judge(row);
      this.pullBrake(verdict, attempt, reports);
      this.metrics.evaluated(collected - asked, performance.now() - asked);
      const rates = this.rates.take(row);
      if (leads) this.tell(verdict);
      this.recorder.record({ row, due, rates, attempt, rollout: this.objects.rollout });
      const { evaluation, journal, brakes } = this;
      const { pod } = this.options;
      const braking = brakingOf(brakes, this.hand.braking, attempt.name);
      this.last = reportOf({
        pod,
        row,
        verdict,
        attempt,
        rates,
        leads,
        evaluation,
        journal,
        braking,
      });
      if (at >= this.snapshotDue) this.saveSnapshot();
      void this.attempts.restore();
    }
    if (leads && leadership !== undefined) await this.decide(leadership, at, stage.percentage);
  }

  /** Last of all, because it waits for the API server, and the brake must not. */
  private async decide(leadership: Leadership, at: number, percentage: number): Promise<void> {
    try {
      await this.attempts.decide(leadership, this.observation(at, percentage));
    } catch (error) {
      this.log.warn({ error: String(error) }, "the attempt cannot be named; it is tried again");
    }
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
    const { current } = this.attempts;
    const engagedBefore = this.brakes.engagedIn(current?.name);
    const engagement = current?.engagement ?? engagedBefore;
    const { brakeData } = this.objects;
    const { slowMilliseconds, minimumAgeSeconds } = this.evaluation.evidence;
    return {
      at,
      build: this.build.current,
      configuredSlow: slowMilliseconds ?? null,
      engagement: this.brakes.byGuard?.id,
      engagedBefore,
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
  private pullBrake(verdict: Verdict, attempt: Attempt, reports: readonly AgentReport[]): void {
    if (verdict.kind !== "rollback" || this.lastStage?.name === retiredStage) return;
    // Where routers disagree, one of them may still send sessions to V2.
    if (reports.every(({ appliedPercentage }) => appliedPercentage === 0)) return;
    if (attempt.engagement !== null || this.brakes.byGuard !== undefined) return;
    if (this.brakes.engagedIn(attempt.name) !== undefined) return;
    this.hand.engage(attempt.name, verdict.reasons, Date.now());
  }

  private tell(verdict: Verdict): void {
    this.notices.consider(verdict);
    for (const entry of this.brakes.news) {
      if (entry.kind !== "rollback") continue;
      if (this.brakes.toldBefore(entry, this.recorder.leadsSince)) continue;
      const why = entry.reasons.join("; ");
      const message = `V2 is off traffic and works on nothing: ${why}`;
      this.notices.tell({ reason: "RolledBack", type: "Warning", message, at: verdict.at });
    }
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
