import { setTimeout as delay } from "node:timers/promises";
import { PoolError } from "./errors.ts";

/** Limits of one dispatch. */
export interface DispatchLimits {
  /** Longest wait for a free worker, milliseconds. */
  readonly checkoutTimeoutMs: number;
  /** Longest run once a worker is taken, milliseconds. */
  readonly operationTimeoutMs: number;
}

/** What a dispatch returns besides the result of the work. */
export interface Dispatched<T> {
  readonly result: T;
  readonly workerId: number;
  readonly queueMs: number;
  readonly executionMs: number;
}

/** Hands work to a fixed number of workers, first come first served, with a bounded queue. */
export class Workers {
  readonly size: number;
  readonly #maxQueue: number;
  readonly #idle: number[];
  readonly #waiting: ((workerId: number) => void)[] = [];

  constructor(size: number, maxQueue: number) {
    this.size = size;
    this.#maxQueue = maxQueue;
    this.#idle = Array.from({ length: size }, (_, index) => index);
  }

  /** Workers that run something now. */
  get busy(): number {
    return this.size - this.#idle.length;
  }

  /** Operations that wait for a worker. */
  get queued(): number {
    return this.#waiting.length;
  }

  /**
   * Runs `work` on a free worker. `work` gets a signal that aborts at the operation's time limit.
   * @throws PoolError `queue_full`, `checkout_timeout` (nothing ran) or `operation_timeout`.
   */
  async run<T>(
    limits: DispatchLimits,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<Dispatched<T>> {
    const asked = performance.now();
    const workerId = this.#idle.shift() ?? (await this.#waitForWorker(limits.checkoutTimeoutMs));
    const started = performance.now();
    try {
      const result = await withTimeLimit(limits.operationTimeoutMs, work);
      const ended = performance.now();
      return { result, workerId, queueMs: started - asked, executionMs: ended - started };
    } finally {
      this.#hand(workerId);
    }
  }

  #waitForWorker(timeoutMs: number): Promise<number> {
    if (this.#waiting.length >= this.#maxQueue) {
      throw new PoolError("queue_full", `All ${this.#maxQueue} places in the queue are taken.`, 1);
    }
    return new Promise((resolve, reject) => {
      const take = (workerId: number): void => {
        clearTimeout(timer);
        resolve(workerId);
      };
      const timer = setTimeout(() => {
        this.#waiting.splice(this.#waiting.indexOf(take), 1);
        reject(new PoolError("checkout_timeout", `No worker was free within ${timeoutMs} ms.`, 1));
      }, timeoutMs);
      this.#waiting.push(take);
    });
  }

  #hand(workerId: number): void {
    const next = this.#waiting.shift();
    if (next) next(workerId);
    else this.#idle.push(workerId);
  }
}

async function withTimeLimit<T>(
  timeoutMs: number,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const limit = delay(timeoutMs, undefined, { signal: controller.signal }).then(() => {
    throw new PoolError("operation_timeout", `The operation took longer than ${timeoutMs} ms.`);
  });
  limit.catch(() => undefined);
  try {
    return await Promise.race([work(controller.signal), limit]);
  } finally {
    controller.abort();
  }
}
