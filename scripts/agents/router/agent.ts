import type { Server } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "pino";
import type { AgentReport } from "../../../infra/rollout/agent-report.ts";
import type { DirectBrakeRequest } from "../../../infra/rollout/direct-brake.ts";
import type { EvidenceQuestion } from "../../../infra/rollout/evidence/protocol.ts";
import type { RouterFiles } from "../../../infra/rollout/envoy-bootstrap.ts";
import { routerFiles } from "../../../infra/rollout/envoy-bootstrap.ts";
import type { AgentState } from "./agent-state.ts";
import { writeState } from "./agent-state.ts";
import { Applier } from "./applier.ts";
import { ClusterWatch } from "./cluster-watch.ts";
import { DecisionAccount } from "./decision-account.ts";
import type { Target } from "./desired-rollout.ts";
import { DesiredRollout } from "./desired-rollout.ts";
import type { DirectEngagement } from "./direct-brake.ts";
import { sameHeader } from "../../../infra/rollout/rollout-record.ts";
import type { EnvoyView } from "./envoy-admin.ts";
import { EnvoyAdmin } from "./envoy-admin.ts";
import type { Evidence } from "./evidence.ts";
import { serveHttp } from "./http-interface.ts";
import { agentMetrics } from "./metrics.ts";
import { mountedObservations } from "./mounted-config-map.ts";
import type { AgentOptions } from "./options.ts";
import { hasReadyHost } from "./pool-probe.ts";
import { restoreState } from "./restored-state.ts";
import type { WrittenFiles } from "./route-files.ts";
import { RouteFiles } from "./route-files.ts";

/** Between two reads of the decision log. Milliseconds. */
const readInterval = 100;

/** Between two looks at Envoy: as a rule, while something waits, and just after a file was written. Milliseconds. */
const lookInterval = { rule: 1_000, waiting: 250, confirming: 25 };

/** How long a change counts as just written. Milliseconds. */
const confirmingTime = 1_000;

/** Between two writes of the state. Milliseconds. */
const saveInterval = 1_000;

/** Longest time for which a start waits for a ready host of V2. Milliseconds. */
const probeLimit = 2_000;

/** Before anything was applied. */
const nothingApplied = { revision: "r0.0", percentage: 0 };

/**
 * The agent of one router pod: brings stage and brake from the cluster to Envoy, and counts what Envoy decides.
 * Envoy runs on without it.
 */
export class RouterAgent {
  private readonly options: AgentOptions;
  private readonly log: Logger;
  private readonly files: RouterFiles;
  private readonly routeFiles: RouteFiles;
  private readonly admin: EnvoyAdmin;
  private readonly state: AgentState;
  private readonly evidence: Evidence;
  private readonly desired: DesiredRollout;
  private readonly account: DecisionAccount;
  private readonly cluster: ClusterWatch;
  private readonly observed = { rollout: false, brake: false };
  private readonly stopping = new AbortController();
  private wake = new AbortController();
  private server: Server | undefined;
  private applier: Applier | undefined;
  private running: Promise<unknown> = Promise.resolve();
  private view: EnvoyView | undefined;
  private applied = nothingApplied;
  private waiting: string | null = "the first files are not written yet";
  private changedAt = 0;
  private lookedAt = 0;
  private savedAt = 0;

  constructor(options: AgentOptions, log: Logger) {
    this.options = options;
    this.log = log;
    this.files = routerFiles(options.directory);
    this.routeFiles = new RouteFiles(options.settings, this.files, options.overrideToken);
    this.admin = new EnvoyAdmin(options.settings.ports.admin);
    ({ state: this.state, evidence: this.evidence } = restoreState(this.files, log));
    this.desired = new DesiredRollout(this.state);
    this.account = new DecisionAccount({
      state: this.state,
      path: this.files.decisionLog,
      rotateBytes: options.rotateBytes,
      reopen: () => this.admin.reopenLogs(),
      onDecision: (line) => this.evidence.take(line),
      onFinished: () => this.save(false),
    });
    this.cluster = new ClusterWatch({
      connect: options.connect,
      namespace: options.namespace,
      onRollout: (observation) => {
        this.observed.rollout = true;
        this.desired.observeRollout(observation);
        this.changed(false);
      },
      onBrake: (observation) => {
        this.observed.brake = true;
        this.changed(this.desired.observeBrake(observation));
      },
      onProblem: (problem) => {
        if (problem === "") this.log.info("the API server answers again");
        else this.log.warn({ problem }, "the API server cannot be used; the last state stays");
      },
    });
  }

  /**
   * Serves the HTTP interface, writes the first files and then follows the cluster until `stop`.
   *
   * @throws Error when the port is taken or Envoy refuses the first configuration
   */
  async start(): Promise<void> {
    const { settings, agentToken, brakeToken } = this.options;
    const metrics = agentMetrics(() => this.report());
    this.server = await serveHttp({
      address: settings.bindAddress,
      port: settings.ports.agent,
      token: agentToken,
      brake: brakeToken === undefined ? undefined : { token: brakeToken, engage: this.engage },
      report: () => this.report(),
      evidence: (question) => this.tellEvidence(question),
      metrics: () => metrics.metrics(),
      started: () => this.applier !== undefined,
    });
    await this.cluster.read();
    this.readMounts();
    this.applier = new Applier(this.routeFiles, await this.firstFiles());
    this.changed(false);
    this.running = Promise.all([this.cluster.run(), this.loop()]);
  }

  /** Reads what is left of the decision log, stores the state and ends. */
  async stop(): Promise<void> {
    this.stopping.abort();
    this.wake.abort();
    this.cluster.stop();
    await this.running;
    await this.account.read();
    this.save(false);
    this.account.close();
    this.evidence.closeFiles();
    this.admin.close();
    this.server?.closeAllConnections();
    this.server?.close();
  }

  /** What this agent knows now. */
  report(): AgentReport {
    const problems = [this.desired.problem, this.waiting].filter((text) => text != null);
    return {
      pod: this.options.pod,
      revision: this.applied.revision,
      appliedPercentage: this.applied.percentage,
      commanded: this.desired.commanded,
      brake: this.desired.brakeReport,
      waiting: problems.length === 0 ? null : problems.join("; "),
      readyHosts: this.view?.readyHosts ?? { v1: 0, v2: 0 },
      inFlight: this.view?.inFlight ?? { v1: 0, v2: 0 },
      ...this.account.report,
      apiServer: this.cluster.report,
    };
  }

  /** Engages without the API server; only the ConfigMap can release. */
  private readonly engage = (request: DirectBrakeRequest): DirectEngagement => {
    const result = this.desired.engage({ ...request, when: new Date().toISOString() });
    if (result === "released") return { outcome: "released" };
    // What is held already is stored once more: the first attempt may have failed at that.
    const problem = result === "engaged" ? this.changed(true) : this.save(true);
    if (problem !== undefined) return { outcome: "notStored", problem };
    const answer = { id: request.id, engaged: true as const, stage: this.desired.commanded.stage };
    const applied = this.view?.applied;
    const shown = applied === undefined ? {} : { appliedPercentage: applied.percentage };
    return { outcome: "engaged", answer: { ...answer, ...shown } };
  };

  /** Tells a guard what was decided until now; it is stored first, so that it stays true after a restart. */
  private async tellEvidence(question: EvidenceQuestion): Promise<string> {
    await this.account.read();
    if (question.attempt !== undefined) {
      this.evidence.follow(question.attempt, this.account.missing);
    }
    const problem = this.save(false);
    if (problem !== undefined) throw new Error(`the evidence cannot be stored: ${problem}`);
    const answer = this.evidence.answer(question, this.account.missing);
    return `{"report":${JSON.stringify(this.report())},${answer}}`;
  }

  /** Where the API server did not answer: the mounted ConfigMaps. */
  private readMounts(): void {
    const { rollout, brake } = mountedObservations(this.options.configDirectory, this.state);
    if (!this.observed.rollout && rollout !== undefined) {
      this.log.warn("starting from the mounted ConfigMap rollout");
      this.desired.observeRollout(rollout);
    }
    if (!this.observed.brake && brake !== undefined) {
      this.log.warn("starting from the mounted ConfigMap brake");
      this.changed(this.desired.observeBrake(brake));
    }
  }

  /** A pod that starts anew takes the commanded percentage at once if V2 is ready, so that sessions stay there. */
  private async firstFiles(): Promise<WrittenFiles> {
    const { settings, pod, envoyBinary } = this.options;
    const written = this.routeFiles.written();
    if (written !== undefined) return written;
    let target = this.desired.target;
    if (target.topology === "both" && target.percentage > 0) {
      const ready = await hasReadyHost(settings.pools.v2, settings.readinessPath, probeLimit);
      if (!ready) target = { ...nothingApplied, topology: "both" };
    }
    this.log.info({ ...target }, "writing the first files");
    return this.routeFiles.writeFirst(target, pod, envoyBinary);
  }

  /**
   * Something was observed: stores it, lowers at once, and lets the loop do the rest.
   *
   * @returns why it could not be stored
   */
  private changed(durable: boolean): string | undefined {
    Object.assign(this.state, this.desired.remembered);
    const problem = this.save(durable);
    if (durable) this.log.warn({ brake: this.desired.brakeReport }, "the brake changed");
    try {
      this.applier?.lower(this.desired.target);
    } catch (error) {
      this.log.error({ error: String(error) }, "the route file cannot be written");
    }
    const { revision, percentage } = this.desired.target;
    if (!sameHeader(this.applied, this.desired.target)) {
      this.waiting ??= `revision ${revision} with ${percentage} % is not applied yet`;
    }
    this.changedAt = Date.now();
    this.lookedAt = 0;
    this.wake.abort();
    return problem;
  }

  private async loop(): Promise<void> {
    while (!this.stopping.signal.aborted) {
      try {
        await this.account.read();
        if (Date.now() - this.lookedAt >= this.lookPause) await this.look();
      } catch (error) {
        this.log.error({ error: String(error) }, "a round failed; it is tried again");
      }
      if (Date.now() - this.savedAt >= saveInterval) this.save(false);
      await this.pause(Math.min(readInterval, this.lookPause));
    }
  }

  private get lookPause(): number {
    if (this.waiting === null) return lookInterval.rule;
    const confirming = Date.now() - this.changedAt < confirmingTime;
    return confirming ? lookInterval.confirming : lookInterval.waiting;
  }

  private async look(): Promise<void> {
    this.lookedAt = Date.now();
    const view = await this.admin.view();
    this.view = view;
    const target = this.desired.target;
    const waiting = this.applier?.step(target, view) ?? null;
    if (waiting !== this.waiting && waiting !== null) this.log.info({ waiting }, "waiting");
    this.waiting = waiting;
    this.noticeApplied(view, target);
    await this.account.compare(view);
  }

  private noticeApplied(view: EnvoyView | undefined, target: Target): void {
    const applied = view?.applied;
    if (applied === undefined) return;
    if (!sameHeader(applied, this.applied)) {
      this.log.info({ applied, target }, "Envoy applies");
    }
    this.applied = applied;
  }

  private save(durable: boolean): string | undefined {
    this.savedAt = Date.now();
    try {
      this.evidence.close();
      writeState(this.files.state, this.state, durable);
      this.evidence.stored();
      return undefined;
    } catch (error) {
      // Lowering traffic does not wait for a disk.
      this.log.error({ error: String(error) }, "the state cannot be stored");
      return String(error);
    }
  }

  private async pause(milliseconds: number): Promise<void> {
    this.wake = new AbortController();
    if (this.stopping.signal.aborted || this.lookedAt === 0) return;
    await delay(milliseconds, undefined, { signal: this.wake.signal }).catch(() => undefined);
  }
}
