import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "pino";
import { engagePatch, guardSource, newEngagementId } from "../../../infra/rollout/brake.ts";
import type { Engagement } from "../../../infra/rollout/brake.ts";
import type { AgentReport } from "../../../infra/rollout/agent-report.ts";
import { objectNames } from "../../../infra/rollout/names.ts";
import type { KubernetesClient } from "../../lib/kubernetes.ts";
import { resources } from "../../lib/kubernetes-objects.ts";
import type { RouterAgents } from "./router-agents.ts";

/** Agents have this long to see the object, before they are asked directly; milliseconds. */
const patienceWithObject = 500;

/** Between two rounds, milliseconds. */
const round = 1_000;

/** Agents that do not confirm are asked for so long once the API server has the engagement, which they follow; milliseconds. */
const insistence = 120_000;

/** Longest wait for the API server in a round, milliseconds. */
const objectPatience = 2_000;

/** Longest reason that the agents take, characters. */
const longestReason = 500;

/** An engagement that this guard has decided on. */
export interface Braking {
  readonly id: string;
  readonly why: string;
  /** Name of the attempt. */
  readonly attempt: string;
  /** Milliseconds since 1970. */
  readonly decidedAt: number;
  /** When the API server had it; null before that. */
  readonly objectAt: number | null;
}

/** What engaging needs. */
interface BrakingOptions {
  /** Client of the API server; undefined while there are no credentials. */
  readonly client: () => KubernetesClient | undefined;
  readonly namespace: string;
  readonly agents: RouterAgents;
  /** Whether the ConfigMap has an engagement or its release, as far as is known. */
  readonly written: (id: string) => boolean;
  /** Name of this pod. */
  readonly pod: string;
  readonly log: Logger;
}

/**
 * Pulls the brake: writes the ConfigMap, and asks every agent that has not confirmed it half a second later directly; again
 * each second, until the API server has it and every agent that is there applies 0 %. It waits for nobody: neither for
 * the Lease nor for the journal.
 */
export class BrakeHand {
  private readonly options: BrakingOptions;
  private readonly stopping = new AbortController();
  private current: Braking | undefined;
  private readonly running = new Set<Promise<unknown>>();
  /** Whether the engagement of another guard is being written. */
  private carrying = false;

  constructor(options: BrakingOptions) {
    this.options = options;
  }

  /** The last engagement that this guard decided on. */
  get braking(): Braking | undefined {
    return this.current;
  }

  /** Engages, once an attempt. */
  engage(attempt: string, reasons: readonly string[], now: number): void {
    if (this.current?.attempt === attempt) return;
    const id = newEngagementId(new Date(now));
    const why = reasons.join("; ").slice(0, longestReason) || "the evidence asks for a rollback";
    this.current = { id, why, attempt, decidedAt: now, objectAt: null };
    this.options.log.warn({ id, attempt, why }, "pulling the brake");
    this.keep(this.pull(id));
  }

  /**
   * Writes an engagement that agents hold and the ConfigMap does not: the guard that decided on it may be gone, and a router
   * that starts later follows the ConfigMap.
   */
  carry(engagement: Engagement): void {
    if (this.carrying || this.stopping.signal.aborted) return;
    this.carrying = true;
    this.keep(this.write(engagement).finally(() => (this.carrying = false)));
  }

  /** Ends what still waits for an answer; what is engaged stays so. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await Promise.all(this.running);
  }

  private keep(work: Promise<unknown>): void {
    const kept = work.finally(() => this.running.delete(kept));
    this.running.add(kept);
  }

  private async pull(id: string): Promise<void> {
    const { signal } = this.stopping;
    const begun = performance.now();
    let object: "open" | "asked" | "engaged" = "open";
    for (let pause = patienceWithObject; !signal.aborted; pause = round) {
      if (object === "open") {
        object = "asked";
        void this.writeObject(id).then((done) => (object = done ? "engaged" : "open"));
      }
      await delay(pause, undefined, { signal }).catch(() => undefined);
      const confirmed = await this.askUnconfirmed(id);
      // Typed anew: it changes while others are waited for.
      const engaged = (object as string) === "engaged" || this.options.written(id);
      if (engaged && (confirmed || performance.now() - begun > insistence)) return;
    }
  }

  private async writeObject(id: string): Promise<boolean> {
    const { current } = this;
    if (current === undefined) return false;
    const when = new Date(current.decidedAt).toISOString();
    const { why } = current;
    const written = await this.write({ id, who: this.who, when, why, source: guardSource });
    if (written && this.current?.id === id)
      this.current = { ...this.current, objectAt: Date.now() };
    return written;
  }

  private async write({ id, ...record }: Engagement): Promise<boolean> {
    const { client, namespace, log } = this.options;
    try {
      const connected = client();
      if (connected === undefined) throw new Error("there are no credentials");
      const patch = engagePatch(id, record);
      await connected.mergePatch(resources.configMaps, namespace, objectNames.brake, patch, {
        timeoutMilliseconds: objectPatience,
        signal: this.stopping.signal,
      });
      log.warn({ id }, "the ConfigMap brake is engaged");
      return true;
    } catch (error) {
      log.error({ id, error: String(error) }, "the ConfigMap brake could not be engaged yet");
      return false;
    }
  }

  /** @returns whether every agent that is there applies 0 % under an engagement, or knows this one to be released */
  private async askUnconfirmed(id: string): Promise<boolean> {
    const { agents, log } = this.options;
    const why = this.current?.why ?? "";
    const urls = await agents.addresses();
    const outcomes = await Promise.all(
      urls.map(async (url) => {
        const report = await agents.report(url).catch(() => undefined);
        if (report !== undefined && isBraked(report)) return true;
        if (!agents.takeBrake) return false;
        try {
          const outcome = await agents.engage(url, { id, who: this.who, why, source: guardSource });
          if (outcome === "released") return true;
          log.warn({ id, url }, "an agent is engaged directly");
        } catch (error) {
          log.error({ id, url, error: String(error) }, "an agent could not be engaged directly");
        }
        return false;
      }),
    );
    return urls.length > 0 && outcomes.every(Boolean);
  }

  private get who(): string {
    return this.options.pod;
  }
}

function isBraked({ brake, appliedPercentage }: AgentReport): boolean {
  return brake.engaged && appliedPercentage === 0;
}
