import { mkdtempSync, rmSync } from "node:fs";
import type { Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AgentReport } from "../../../infra/rollout/agent-report.ts";
import type { Engagement } from "../../../infra/rollout/brake.ts";
import type { Attempt } from "../../../infra/rollout/evidence/attempt.ts";
import type { DecisionLine } from "../../../infra/rollout/decision-log.ts";
import type { DirectBrakeRequest } from "../../../infra/rollout/direct-brake.ts";
import type { DirectEngagement } from "../../../scripts/agents/router/direct-brake.ts";
import { emptyEvidence, Evidence } from "../../../scripts/agents/router/evidence.ts";
import { serveHttp } from "../../../scripts/agents/router/http-interface.ts";

/** Tokens of the agents' interface and of their direct brake in tests. */
export const tokens = { agent: "an-agent-token-for-tests", brake: "a-brake-token-for-tests" };

/** What all agents of a test see of the stack. */
export interface Declared {
  stage: string;
  percentage: number;
  /** Number that is another one after each change. */
  version: number;
  /** Engagements in the ConfigMap that the agents see. */
  engagements: readonly Engagement[];
  /** Whether the ConfigMap releases an id. */
  isReleased(id: string): boolean;
}

/**
 * A router-agent without an Envoy: its interface, its book of the evidence and its files are the real ones, its decisions
 * are those that a test makes up.
 */
export class SimulatedAgent {
  readonly pod: string;
  readonly address: string;
  /** Requests that V2 works on. */
  inFlight = 0;
  lostLines = 0;
  /** Percentage that it applies whatever is declared: it waits for a V2 host, say. */
  keptAt: number | undefined;
  private readonly declared: Declared;
  private readonly directory = mkdtempSync(join(tmpdir(), "simulated-agent-"));
  private state = emptyEvidence();
  private evidence: Evidence;
  private direct: Engagement[] = [];
  private server: Server | undefined;

  constructor(pod: string, address: string, declared: Declared) {
    this.pod = pod;
    this.address = address;
    this.declared = declared;
    this.evidence = new Evidence(this.state, join(this.directory, "evidence"));
  }

  async start(port: number): Promise<void> {
    this.server = await serveHttp({
      address: this.address,
      port,
      token: tokens.agent,
      brake: { token: tokens.brake, engage: (request) => this.engage(request) },
      report: () => this.report(),
      evidence: (question) => {
        if (question.attempt !== undefined) this.evidence.follow(question.attempt, this.lostLines);
        this.evidence.close();
        const answer = this.evidence.answer(question, this.lostLines);
        return Promise.resolve(`{"report":${JSON.stringify(this.report())},${answer}}`);
      },
      metrics: () => Promise.resolve(""),
      started: () => true,
    });
  }

  /** Goes away, as a pod that dies; what it knew is kept for the next start. */
  async stop(): Promise<void> {
    const { server } = this;
    this.server = undefined;
    if (server === undefined) return;
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  }

  async destroy(): Promise<void> {
    await this.stop();
    this.evidence.closeFiles();
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** Forgets all it knew, as an agent whose files cannot be read. */
  forget(): void {
    this.evidence.closeFiles();
    const { generation } = this.state.store;
    this.state = emptyEvidence();
    this.state.store.generation = generation + 1;
    this.state.book.complete = false;
    this.evidence = new Evidence(this.state, join(this.directory, "evidence"));
  }

  /** Enters a decision that was made up. */
  decide(line: DecisionLine): void {
    this.evidence.take(line);
  }

  /** The attempt that it follows. */
  get attempt(): Attempt | null {
    return this.evidence.attempt;
  }

  /** Ids of the engagements that it took directly. */
  get directIds(): readonly string[] {
    return this.direct.map(({ id }) => id);
  }

  /** Percentage that it applies. */
  get applied(): number {
    return this.held.length > 0 ? 0 : (this.keptAt ?? this.declared.percentage);
  }

  /** Revision and percentage of its decisions. */
  get revision(): string {
    return `r${String(this.declared.version)}.${String(this.held.length)}`;
  }

  private get held(): readonly Engagement[] {
    const known = new Set(this.declared.engagements.map(({ id }) => id));
    const own = this.direct.filter(({ id }) => !known.has(id) && !this.declared.isReleased(id));
    return [...this.declared.engagements, ...own];
  }

  private engage(request: DirectBrakeRequest): DirectEngagement {
    if (this.declared.isReleased(request.id)) return { outcome: "released" };
    if (!this.direct.some(({ id }) => id === request.id)) {
      this.direct.push({ ...request, when: new Date().toISOString() });
    }
    const { stage } = this.declared;
    return { outcome: "engaged", answer: { id: request.id, engaged: true, stage } };
  }

  private report(): AgentReport {
    const { stage, percentage } = this.declared;
    const side = { requests: 0, failed: 0, fallbacks: 0 };
    return {
      pod: this.pod,
      revision: this.revision,
      appliedPercentage: this.applied,
      commanded: { revision: this.revision, stage, percentage },
      brake: { engaged: this.held.length > 0, engagements: [...this.held] },
      waiting: null,
      readyHosts: { v1: 2, v2: 2 },
      inFlight: { v1: 0, v2: this.inFlight },
      decisions: { v1: side, v2: side },
      overrides: { v1: 0, v2: 0 },
      log: { linesRead: 0, unreadableLines: 0, lostLines: this.lostLines },
      apiServer: { reachable: true, secondsSinceContact: 0 },
    };
  }
}
