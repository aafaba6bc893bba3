import { setTimeout as delay } from "node:timers/promises";
import type { DecisionLine } from "../../infra/rollout/decision-log.ts";
import { parseDecisionLine } from "../../infra/rollout/decision-log.ts";
import { objectNames } from "../../infra/rollout/names.ts";
import type { Environment } from "../local/environment.ts";
import { Accounting } from "./accounting.ts";
import type { LoadShape } from "./load-plan.ts";
import type { LoadSettings } from "./load.ts";
import { MessageProcess } from "./message-process.ts";
import { observerTokenVariable, type Observation } from "./observations.ts";
import { ObservedState } from "./observed-state.ts";
import type { LoadCommand, LoadMessage, RequestRecord, Verification } from "./records.ts";
import type { CommandResult, StackCommands } from "./stack-commands.ts";
import type { ReadyStack } from "./stack-set-up.ts";
import type { StageStay } from "./stage-result.ts";

/** Longest wait for something that takes seconds when all is well. */
const patienceSeconds = 30;

/** How much faster the load runs while no update of the stack needs the machine. */
const quickPace = 5;

/** A stage that was entered and is being observed. */
export type EnteredStage = Omit<StageStay, "appliedPercent">;

/**
 * A stack under observation: what the API server writes, what the agents report and what the routers
 * log is followed all the time, and joined with what the callers of a load see.
 */
export class RunningStack {
  readonly commands: StackCommands;
  readonly observed = new ObservedState();
  readonly #environment: Environment;
  readonly #signal: AbortSignal;
  readonly #observer: MessageProcess<never, Observation>;
  readonly #listeners = new Set<(record: RequestRecord) => void>();
  readonly #lineListeners = new Set<(line: DecisionLine) => void>();
  #accounting = new Accounting();
  #load: MessageProcess<LoadCommand, LoadMessage> | undefined;
  #loadAnswer: ((message: LoadMessage) => void) | undefined;
  #unreadableLines = 0;

  /** @param signal ends waits when it is aborted */
  constructor(
    environment: Environment,
    { commands, agentToken }: ReadyStack,
    signal = new AbortController().signal,
  ) {
    this.commands = commands;
    this.#signal = signal;
    this.#environment = environment;
    this.#observer = new MessageProcess(environment, {
      program: "observer.ts",
      settings: { namespace: commands.namespace },
      variables: { [observerTokenVariable]: agentToken },
      onMessage: (message: Observation) => this.#takeObservation(message),
    });
  }

  /** The accounts of the load that was started last. */
  get accounting(): Accounting {
    return this.#accounting;
  }

  /** Lines in the decision logs that nobody can read. */
  get unreadableLines(): number {
    return this.#unreadableLines;
  }

  /** Starts a load on the callers' Service, and new accounts for it. */
  async startLoad(shape: LoadShape, repeats = 0): Promise<void> {
    const jsonPath = "jsonpath=http://{.spec.clusterIP}:{.spec.ports[0].port}";
    const service = ["get", "service", objectNames.pool, "--output", jsonPath];
    const { output } = await this.commands.kubectl(service);
    const settings: LoadSettings = {
      shape,
      repeats,
      baseUrl: output.trim(),
      timeoutMs: patienceSeconds * 1000,
      name: `load-${shape.seed}`,
    };
    this.#accounting = new Accounting();
    this.#load = new MessageProcess(this.#environment, {
      program: "load.ts",
      settings,
      onMessage: (message: LoadMessage) => this.#takeLoadMessage(message),
    });
  }

  /** Calls `listener` for every request that is told from now on; returns how to end that. */
  onRequest(listener: (record: RequestRecord) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Calls `listener` for every line of the decision logs that comes from now on; returns how to end that. */
  onLine(listener: (line: DecisionLine) => void): () => void {
    this.#lineListeners.add(listener);
    return () => this.#lineListeners.delete(listener);
  }

  /** Lets the load run on for a while; fails if one of the processes has ended. */
  async hold(seconds: number): Promise<void> {
    const end = performance.now() + seconds * 1000;
    for (let left = seconds * 1000; left > 0; left = end - performance.now()) {
      const failure = this.#observer.failure ?? this.#load?.failure;
      this.#signal.throwIfAborted();
      if (failure !== undefined) throw new Error(failure);
      await delay(Math.min(left, 250));
    }
  }

  /** Lets the load run on for a while, {@link quickPace} times as fast: no update of the stack runs beside it. */
  async holdQuickly(seconds: number): Promise<void> {
    await this.#atQuickPace(() => this.hold(seconds));
  }

  /** Goes on until so many requests are made. */
  async holdUntilRequests(count: number): Promise<void> {
    await this.#atQuickPace(async () => {
      while (this.accounting.requests < count) await this.hold(0.5);
    });
  }

  /**
   * Enters a stage as people do, `pulumi config set stage` and `pulumi up`, and waits until every
   * replica applies it, or 0 % where the brake is engaged.
   */
  async enter(
    stage: string,
    options: { mayFail?: boolean; braked?: boolean } = {},
  ): Promise<EnteredStage & { readonly up: CommandResult }> {
    this.#signal.throwIfAborted();
    const before = this.observed.rollout?.resourceVersion;
    await this.commands.setConfig({ stage });
    const { mayFail = false, braked = false } = options;
    const up = await this.commands.up({ mayFail });
    const write = await this.observed.until(`stage ${stage} to be written`, 5, () => {
      const rollout = this.observed.rollout;
      return rollout?.stage === stage && rollout.resourceVersion !== before ? rollout : undefined;
    });
    const percentage = braked ? 0 : write.percentage;
    const appliedAt = await this.observed.until(
      `every router to apply ${percentage} %`,
      patienceSeconds,
      () => this.observed.convergedSince(percentage),
    );
    return {
      stage,
      commandedPercent: write.percentage,
      upSeconds: round(up.seconds),
      convergenceSeconds: round((appliedAt - write.at) / 1000),
      resourceVersion: write.resourceVersion,
      up,
    };
  }

  /** Takes down what the replicas apply at the end of a stay. */
  leave(entered: EnteredStage): StageStay {
    const { stage, commandedPercent, upSeconds, convergenceSeconds, resourceVersion } = entered;
    return {
      stage,
      commandedPercent,
      appliedPercent: this.observed.appliedPercentage,
      upSeconds,
      convergenceSeconds,
      resourceVersion,
    };
  }

  /** Ends the load's arrivals and waits for all answers and decision lines. */
  async stopLoad(): Promise<void> {
    await this.#askLoad("stop", "stopped");
    await this.#allLines();
  }

  /** Looks for every acknowledged program through the router, and ends the load. */
  async verifyPrograms(): Promise<Verification> {
    const verification = await this.#askLoad("verify", "verification");
    await this.#allLines();
    await this.#load?.end();
    this.#load = undefined;
    return verification;
  }

  /** Ends observer and load. */
  async end(): Promise<void> {
    await Promise.all([this.#load?.end(), this.#observer.end()]);
  }

  /** Waits until every request has its line, or nothing comes any more. */
  async #allLines(): Promise<void> {
    for (let tries = 0; tries < 20 && this.accounting.waiting > 0; tries++) await delay(250);
  }

  async #atQuickPace(go: () => Promise<void>): Promise<void> {
    this.#load?.send({ command: "pace", factor: quickPace });
    await go();
    this.#load?.send({ command: "pace", factor: 1 });
  }

  #askLoad<T extends LoadMessage["type"]>(
    command: "stop" | "verify",
    answer: T,
  ): Promise<Extract<LoadMessage, { type: T }>> {
    const load = this.#load;
    if (!load) throw new Error("No load runs.");
    return new Promise((resolve, reject) => {
      const watch = setInterval(() => {
        if (load.failure === undefined) return;
        clearInterval(watch);
        reject(new Error(load.failure));
      }, 500);
      this.#loadAnswer = (message) => {
        if (message.type !== answer) return;
        clearInterval(watch);
        resolve(message as Extract<LoadMessage, { type: T }>);
      };
      load.send({ command });
    });
  }

  #takeLoadMessage(message: LoadMessage): void {
    if (message.type !== "request") {
      this.#loadAnswer?.(message);
      return;
    }
    this.accounting.addRequest(message);
    for (const listener of this.#listeners) listener(message);
  }

  #takeObservation(observation: Observation): void {
    if (observation.type !== "lines") {
      this.observed.take(observation);
      return;
    }
    for (const text of observation.lines) {
      const line = parseDecisionLine(text);
      if (line) {
        this.accounting.addLine(line);
        for (const listener of this.#lineListeners) listener(line);
      } else this.#unreadableLines++;
    }
  }
}

function round(seconds: number): number {
  return Math.round(seconds * 100) / 100;
}
