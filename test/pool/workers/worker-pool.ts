import { setTimeout as delay } from "node:timers/promises";
import { PoolError } from "../errors.ts";
import { ProgramFailure } from "../program.ts";
import type { Command } from "./messages.ts";
import { CheckoutQueue } from "./checkout-queue.ts";
import { Worker, type CommandFaults, type Thread, type WorkerState } from "./worker.ts";

/** How a pool of workers is made. */
export interface WorkerPoolOptions {
  readonly size: number;
  /** Operations that may run at the same moment; 1 = serial dispatch. */
  readonly maxConcurrent: number;
  /** Operations that may wait for a worker. */
  readonly maxQueue: number;
  /** Longest time from a worker's start to its first answer, milliseconds. */
  readonly initTimeoutMs: number;
  /** Starts what a worker runs in. */
  readonly startThread: () => Thread;
}

/** Limits of one dispatch. */
export interface DispatchLimits {
  /** Longest wait for a free worker, milliseconds. */
  readonly checkoutTimeoutMs: number;
  /** Longest wait and run together, milliseconds. */
  readonly budgetMs: number;
  /** Longest run once a worker is taken, milliseconds. */
  readonly operationTimeoutMs: number;
}

/** The figures of one dispatch. */
export interface Run {
  readonly workerId: string;
  readonly queueMs: number;
  readonly executionMs: number;
}

/** In which order workers are started. */
export type WarmUpStrategy = "parallel" | "staged" | "sequential" | "off";

/** What happens to workers, for metrics. */
export interface WorkerObserver {
  started(seconds: number): void;
  failed(reason: string): void;
  recovered(seconds: number): void;
  transition(from: WorkerState, to: WorkerState, seconds: number): void;
}

/** Reasons for which a worker ends by intent. */
const intended = new Set(["resize", "shutdown"]);
const restartPauseMs = 500;

/** Keeps workers alive and hands operations to them, first come first served. */
export class WorkerPool {
  /** Faults that every command gets. */
  commandFaults: CommandFaults = { latencyMs: 0, hang: false };
  readonly #options: WorkerPoolOptions;
  readonly #observer: WorkerObserver;
  readonly #workers = new Set<Worker>();
  readonly #queue: CheckoutQueue;
  #size: number;
  #nextId = 1;
  #running = 0;
  #stopped = false;

  constructor(options: WorkerPoolOptions, observer: WorkerObserver) {
    this.#options = options;
    this.#observer = observer;
    this.#size = options.size;
    this.#queue = new CheckoutQueue(options.maxQueue);
  }

  /** Workers that there should be. */
  get size(): number {
    return this.#size;
  }

  get workers(): readonly Worker[] {
    return [...this.#workers];
  }

  /** Operations that wait for a worker. */
  get queued(): number {
    return this.#queue.length;
  }

  /** Workers in a state. */
  count(state: WorkerState): number {
    return this.workers.filter((worker) => worker.state === state).length;
  }

  /** Starts the workers that are missing, in the order of a strategy, and waits for them. */
  async fill(strategy: WarmUpStrategy): Promise<void> {
    const missing = Math.max(0, this.#size - this.#workers.size);
    const batch = {
      parallel: missing,
      off: missing,
      staged: Math.ceil(missing / 3),
      sequential: 1,
    };
    for (let started = 0; started < missing; started += batch[strategy]) {
      const count = Math.min(batch[strategy], missing - started);
      await Promise.all(Array.from({ length: count }, () => this.#startWorker()));
    }
  }

  /** Changes the number of workers; those that run something end afterwards. */
  resize(size: number): void {
    this.#size = size;
    void this.fill("parallel");
    for (const worker of this.workers) {
      if (this.#workers.size <= size) break;
      if (worker.state === "ready") this.#remove(worker, "resize");
    }
  }

  /**
   * Runs a command on a free worker.
   * @throws PoolError of the queue or of the worker; ProgramFailure of the program.
   */
  async run(
    command: Command,
    limits: DispatchLimits,
    onRun?: (run: Run) => void,
  ): Promise<unknown> {
    const asked = performance.now();
    const worker = await this.#checkout(Math.min(limits.checkoutTimeoutMs, limits.budgetMs));
    const started = performance.now();
    const left = Math.max(1, limits.budgetMs - (started - asked));
    try {
      return await worker.call(
        command,
        Math.min(left, limits.operationTimeoutMs),
        this.commandFaults,
      );
    } catch (error) {
      if (!(error instanceof ProgramFailure)) worker.end(reasonOf(error));
      throw error;
    } finally {
      const executionMs = performance.now() - started;
      onRun?.({ workerId: worker.id, queueMs: started - asked, executionMs });
      this.#release(worker);
    }
  }

  /** Ends one worker as a crash would, a busy one if there is one. */
  killOne(): void {
    const victim = this.workers.find(({ state }) => state === "busy") ?? this.workers[0];
    victim?.crash();
  }

  /** Checks idle workers with a ping: degraded after a failure, replaced after several. */
  async check(timeoutMs: number, maxFailures: number): Promise<{ ok: number; failed: number }> {
    const result = { ok: 0, failed: 0 };
    const idle = this.workers.filter(({ state }) => state === "ready" || state === "degraded");
    await Promise.all(
      idle.map(async (worker) => {
        // Busy with the check, so that no operation is handed to it meanwhile.
        if (worker.state === "ready") worker.become("busy");
        try {
          await worker.ping(timeoutMs, this.commandFaults);
          worker.failedChecks = 0;
          result.ok += 1;
          worker.become("ready");
          this.#dispatchNext();
        } catch {
          result.failed += 1;
          if (worker.state === "busy") worker.become("degraded");
          if (++worker.failedChecks >= maxFailures) worker.end("health_check");
        }
      }),
    );
    return result;
  }

  /** Fails everything that waits or runs: the end of a drain. */
  abandon(): void {
    this.#queue.rejectAll(new PoolError("draining", "This pool process is about to end.", 1));
    for (const worker of this.workers) {
      worker.abort(new PoolError("operation_timeout", "The pool ended before the operation did."));
    }
  }

  /** Ends all workers for good. */
  stop(): void {
    this.#stopped = true;
    for (const worker of this.workers) this.#remove(worker, "shutdown");
  }

  async #startWorker(failedAt?: number): Promise<void> {
    if (this.#stopped || this.#workers.size >= this.#size) return;
    const begun = performance.now();
    const worker = new Worker(
      `w${this.#nextId++}`,
      this.#options.startThread(),
      (it, from, to, seconds) => {
        this.#observer.transition(from, to, seconds);
        if (to === "terminated") this.#ended(it);
      },
    );
    this.#workers.add(worker);
    try {
      await worker.start(this.#options.initTimeoutMs);
    } catch {
      return;
    }
    this.#observer.started((performance.now() - begun) / 1000);
    if (failedAt !== undefined) this.#observer.recovered((performance.now() - failedAt) / 1000);
    this.#dispatchNext();
  }

  #ended(worker: Worker): void {
    this.#workers.delete(worker);
    if (intended.has(worker.reason)) return;
    this.#observer.failed(worker.reason);
    const failedAt = performance.now();
    // A worker that cannot even start would otherwise be started again without a pause.
    const pause = worker.reason === "initialization" ? restartPauseMs : 0;
    void delay(pause).then(() => this.#startWorker(failedAt));
  }

  #remove(worker: Worker, reason: string): void {
    this.#workers.delete(worker);
    worker.end(reason);
  }

  async #checkout(timeoutMs: number): Promise<Worker> {
    const free = this.#free();
    if (free) return this.#take(free);
    return await this.#queue.wait(timeoutMs);
  }

  #free(): Worker | undefined {
    if (this.#running >= this.#options.maxConcurrent) return undefined;
    return this.workers.find(({ state }) => state === "ready");
  }

  #take(worker: Worker): Worker {
    worker.become("busy");
    this.#running += 1;
    return worker;
  }

  #release(worker: Worker): void {
    this.#running -= 1;
    if (worker.state === "busy") {
      worker.become("ready");
      if (this.#workers.size > this.#size) this.#remove(worker, "resize");
    }
    this.#dispatchNext();
  }

  #dispatchNext(): void {
    for (let free = this.#free(); free && this.#queue.length > 0; free = this.#free()) {
      this.#queue.hand(this.#take(free));
    }
  }
}

function reasonOf(error: unknown): string {
  return error instanceof PoolError ? error.code : "unknown";
}
