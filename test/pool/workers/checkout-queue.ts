import { PoolError } from "../errors.ts";
import type { Worker } from "./worker.ts";

interface Waiting {
  take(worker: Worker): void;
  refuse(error: PoolError): void;
}

/** Operations that wait for a worker, in the order of their arrival. */
export class CheckoutQueue {
  readonly #maxLength: number;
  readonly #waiting: Waiting[] = [];

  constructor(maxLength: number) {
    this.#maxLength = maxLength;
  }

  get length(): number {
    return this.#waiting.length;
  }

  /**
   * Waits for a worker.
   * @throws PoolError `queue_full`, or `checkout_timeout`: then nothing has run.
   */
  wait(timeoutMs: number): Promise<Worker> {
    if (this.#waiting.length >= this.#maxLength) {
      throw new PoolError("queue_full", `All ${this.#maxLength} places in the queue are taken.`, 1);
    }
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        clearTimeout(timer);
        const index = this.#waiting.indexOf(waiting);
        if (index >= 0) this.#waiting.splice(index, 1);
      };
      const waiting: Waiting = {
        take: (worker) => (leave(), resolve(worker)),
        refuse: (error) => (leave(), reject(error)),
      };
      const timer = setTimeout(() => {
        waiting.refuse(
          new PoolError("checkout_timeout", `No worker was free within ${timeoutMs} ms.`, 1),
        );
      }, timeoutMs);
      this.#waiting.push(waiting);
    });
  }

  /** Gives a worker to the one that waits longest; there must be one. */
  hand(worker: Worker): void {
    this.#waiting[0]?.take(worker);
  }

  /** Refuses everyone who waits. */
  rejectAll(error: PoolError): void {
    for (const waiting of [...this.#waiting]) waiting.refuse(error);
  }
}
