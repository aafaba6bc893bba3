import { PoolError } from "../errors.ts";

/** State of the breaker: closed lets everything through, open nothing, half-open a few probes. */
export type BreakerState = "closed" | "half_open" | "open";

/** When the breaker opens and closes. */
export interface BreakerOptions {
  /** Failures one after the other that open it. */
  readonly failures: number;
  /** How long it stays open before it lets probes through, milliseconds. */
  readonly openMs: number;
  /** Probes that may run at once, and successes that close it. */
  readonly probes: number;
}

/** Statuses that say that the workers, not the caller, are at fault. */
const failureStatuses = new Set([502, 504]);

/** A circuit breaker over the commands to workers. While it is not enabled it only lets pass. */
export class Breaker {
  #enabled = false;
  #state: BreakerState = "closed";
  #failures = 0;
  #successes = 0;
  #probing = 0;
  #openUntil = 0;
  readonly #options: BreakerOptions;
  readonly #onTransition: (to: BreakerState) => void;

  constructor(options: BreakerOptions, onTransition: (to: BreakerState) => void) {
    this.#options = options;
    this.#onTransition = onTransition;
  }

  get state(): BreakerState {
    return this.#state;
  }

  /** Switches it on or off; off closes it. */
  enable(enabled: boolean): void {
    this.#enabled = enabled;
    if (!enabled) this.#become("closed");
  }

  /**
   * Runs an operation unless the breaker is open.
   * @throws PoolError `circuit_open`, or what the operation throws.
   */
  async guard<T>(operation: () => Promise<T>): Promise<T> {
    if (!this.#enabled) return await operation();
    this.#admit();
    const probe = this.#state === "half_open";
    if (probe) this.#probing += 1;
    try {
      const result = await operation();
      this.#succeeded();
      return result;
    } catch (error) {
      if (error instanceof PoolError && failureStatuses.has(error.status)) this.#failed();
      else this.#succeeded();
      throw error;
    } finally {
      if (probe) this.#probing -= 1;
    }
  }

  #admit(): void {
    const now = performance.now();
    if (this.#state === "open" && now >= this.#openUntil) this.#become("half_open");
    const refused =
      this.#state === "open" ||
      (this.#state === "half_open" && this.#probing >= this.#options.probes);
    if (!refused) return;
    const seconds = Math.max(0.1, (this.#openUntil - now) / 1000);
    throw new PoolError("circuit_open", "Workers failed one after the other.", seconds);
  }

  #succeeded(): void {
    this.#failures = 0;
    if (this.#state !== "half_open") return;
    this.#successes += 1;
    if (this.#successes >= this.#options.probes) this.#become("closed");
  }

  #failed(): void {
    this.#failures += 1;
    if (this.#state === "half_open" || this.#failures >= this.#options.failures) {
      this.#openUntil = performance.now() + this.#options.openMs;
      this.#become("open");
    }
  }

  #become(state: BreakerState): void {
    this.#failures = 0;
    this.#successes = 0;
    if (this.#state === state) return;
    this.#state = state;
    this.#onTransition(state);
  }
}
