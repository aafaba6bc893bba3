import type { Logger } from "pino";
import type { AgentReport } from "../../../infra/rollout/agent-report.ts";
import type { Attempt } from "../../../infra/rollout/evidence/attempt.ts";
import { newerAttempt } from "../../../infra/rollout/evidence/attempt.ts";
import type { Counts } from "../../../infra/rollout/evidence/counts.ts";
import type { EvidenceAnswer } from "../../../infra/rollout/evidence/protocol.ts";
import type { EvidenceRecord } from "../../../infra/rollout/evidence/record.ts";
import type { RouterReport } from "../../../infra/rollout/evidence/row.ts";
import { EvidenceUnion } from "../../../infra/rollout/evidence/union.ts";
import type { UnionSnapshot } from "../../../infra/rollout/evidence/union.ts";
import type { RouterAgents } from "./router-agents.ts";

/** A router that is there, and what its agent said last. */
interface Router {
  readonly url: string;
  readonly report: AgentReport;
  readonly state: RouterReport;
}

/** What is collected, as it is kept over a restart. */
export interface CollectorSnapshot {
  /** Name of the attempt. */
  readonly attempt: string;
  readonly cursors: Readonly<Record<string, number>>;
  readonly union: UnionSnapshot;
}

/** What a journal gives back of an attempt. */
export interface JournaledEvidence {
  readonly complete: boolean;
  readonly counts: Counts;
  readonly cursors: Readonly<Record<string, number>>;
  /** Session events in the order of recording, base64. */
  readonly sessions: Iterable<string>;
}

/** Asks every router-agent, and unites what they know about the attempt in force. */
export class Collector {
  private readonly agents: RouterAgents;
  private readonly log: Logger;
  /** Name of the attempt that is collected. */
  private attempt: string | undefined;
  private evidence = new EvidenceUnion();
  /** Number of the last record of each source. */
  private cursors = new Map<string, number>();
  /** Sources of which a part is counted elsewhere: what they tell anew cannot be told from that. */
  private mixed = new Set<string>();
  /** Name of the source of each pod: another one after its agent lost its memory. */
  private sources = new Map<string, string>();
  /** Pod of each address. */
  private readonly pods = new Map<string, string>();
  private routers = new Map<string, Router>();
  /** Why an agent's evidence could not be used, by address: the same is logged once. */
  private readonly unusable = new Map<string, string>();

  constructor(agents: RouterAgents, log: Logger) {
    this.agents = agents;
    this.log = log;
  }

  /** What all routers know together. */
  get union(): EvidenceUnion {
    return this.evidence;
  }

  /** Reports of the routers that are there, those that have been silent for a while among them. */
  get reports(): readonly AgentReport[] {
    return [...this.routers.values()].map(({ report }) => report);
  }

  /** Addresses of the agents of the routers that are there. */
  get urls(): readonly string[] {
    return [...this.routers.values()].map(({ url }) => url);
  }

  /** Whether the evidence is that of this attempt. */
  holds(attempt: Attempt): boolean {
    return attempt.name === this.attempt;
  }

  /** State of each router for the evaluation, by name. */
  get routerStates(): readonly RouterReport[] {
    return [...this.routers.values()]
      .map(({ state }) => state)
      .sort((a, b) => (a.router < b.router ? -1 : 1));
  }

  /** Number of each source's last record that is counted. */
  get positions(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.cursors);
  }

  /** Begins to collect an attempt, with nothing, or with what was known of it. */
  begin(attempt: Attempt, known?: CollectorSnapshot | JournaledEvidence): void {
    this.attempt = attempt.name;
    this.evidence = new EvidenceUnion();
    this.sources = new Map();
    this.cursors = new Map(Object.entries(known?.cursors ?? {}));
    this.mixed = new Set();
    if (known === undefined) return;
    if ("union" in known) {
      this.evidence.load(known.union);
      return;
    }
    this.mixed = new Set(this.cursors.keys());
    this.evidence.restore(known.counts, known.sessions);
    this.evidence.complete &&= known.complete;
  }

  /** What is needed to go on after a restart. */
  save(): CollectorSnapshot | undefined {
    const { attempt, evidence, positions: cursors } = this;
    return attempt === undefined ? undefined : { attempt, cursors, union: evidence.save() };
  }

  /**
   * Asks every agent once, all at the same time.
   *
   * @param attempt the attempt in force; undefined while none is known
   * @returns the newest attempt that any agent has heard of
   */
  async collect(attempt: Attempt | undefined): Promise<Attempt | undefined> {
    const urls = await this.agents.addresses();
    const answers = await Promise.allSettled(urls.map((url) => this.ask(url, attempt)));
    let newest: Attempt | undefined;
    for (const [index, answer] of answers.entries()) {
      if (answer.status === "rejected") continue;
      const url = urls[index] ?? "";
      try {
        for (const part of answer.value) this.take(url, part);
        this.unusable.delete(url);
      } catch (error) {
        // An agent of another version, say: it counts as one that does not answer.
        this.tellUnusable(url, String(error));
        continue;
      }
      newest = newerAttempt(newest, answer.value.at(-1)?.attempt ?? undefined);
    }
    const present = new Set(urls.map((url) => this.pods.get(url)));
    for (const pod of this.routers.keys()) if (!present.has(pod)) this.routers.delete(pod);
    return newest;
  }

  /** All that one agent has to tell, in parts; nothing of it counts before the last part is there. */
  private async ask(url: string, attempt: Attempt | undefined): Promise<EvidenceAnswer[]> {
    const parts: EvidenceAnswer[] = [];
    const pod = this.pods.get(url);
    let after = pod === undefined ? 0 : (this.cursors.get(this.sourceOf(pod)) ?? 0);
    for (;;) {
      const question = attempt === undefined ? { after } : { attempt, after };
      const part = await this.agents.evidence(url, question);
      parts.push(part);
      after = part.records.at(-1)?.to ?? after;
      if (!part.more || part.records.length === 0) return parts;
    }
  }

  private take(url: string, answer: EvidenceAnswer): void {
    const { report, attempt, records, restart, last, lostLines, mispredicted, complete } = answer;
    const { pod } = report;
    this.pods.set(url, pod);
    if (attempt?.name === this.attempt) {
      if (last < (this.cursors.get(this.sourceOf(pod)) ?? 0)) {
        // It began anew: what it told before stays, under another name.
        this.sources.set(pod, `${this.sourceOf(pod)}'`);
      }
      this.add(this.sourceOf(pod), records, restart);
      // What it does not know stays unknown when its pod is gone.
      this.evidence.complete &&= complete;
    }
    const state = { router: pod, at: Date.now(), lostLines, mispredicted, complete };
    this.routers.set(pod, { url, report, state });
  }

  private add(source: string, records: readonly EvidenceRecord[], restart: boolean): void {
    let cursor = this.cursors.get(source) ?? 0;
    const united = records.find(({ from, to }) => from <= cursor && cursor < to);
    if ((restart || united !== undefined) && cursor > 0) {
      if (!this.mixed.has(source)) {
        this.evidence.restart(source);
        cursor = 0;
      } else if (united !== undefined) {
        // Which of its requests are counted already cannot be told; whose sessions they were can.
        this.evidence.complete = false;
        this.evidence.addSessions(united);
        cursor = united.to;
      }
    }
    for (const record of records) {
      if (record.from <= cursor) continue;
      // The address may belong to another pod by now, which was asked for the records after those of the old one.
      if (record.from > cursor + 1) break;
      this.evidence.add(source, record);
      cursor = record.to;
    }
    this.cursors.set(source, cursor);
  }

  private tellUnusable(url: string, error: string): void {
    if (this.unusable.get(url) === error) return;
    this.unusable.set(url, error);
    this.log.error({ url, error }, "a router's evidence cannot be used");
  }

  private sourceOf(pod: string): string {
    return this.sources.get(pod) ?? pod;
  }
}
