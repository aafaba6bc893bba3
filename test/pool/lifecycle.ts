/** How long the steps of a drain take. */
export interface DrainTimes {
  /** Time between the failing readiness and the first refusal, seconds. */
  readonly settleSeconds: number;
  /** Longest wait for calls in flight after that, seconds. */
  readonly timeoutSeconds: number;
}

/** What a drain needs to know of the pool, and does to it. */
export interface DrainActions {
  /** Operations that wait for a worker. */
  queued(): number;
  /** Fails what still waits or runs: the time is over. */
  abandon(): void;
  log(event: string): void;
}

/** Answer of the drain endpoints. */
export interface DrainState {
  readonly state: "serving" | "draining" | "drained";
  readonly in_flight: number;
  readonly queued: number;
  /** When calls in flight are given up; null while serving. */
  readonly deadline: string | null;
}

/**
 * The life of a pool process. Only `serving` is ready. In `settling` the probes fail already but
 * calls are still accepted, until everyone who routes here has noticed; in `draining` new calls
 * are refused and those in flight are finished; `drained` has none left.
 */
type Phase = "starting" | "serving" | "settling" | "draining" | "drained";

/** Where a pool process stands in its life, and its calls in flight. */
export class Lifecycle {
  /** Readiness waits for it. */
  warmingUp = false;
  #phase: Phase = "starting";
  #inFlight = 0;
  #terminating = false;
  #deadline: Date | undefined;
  #timer: NodeJS.Timeout | undefined;
  readonly #actions: DrainActions;
  readonly #onDrained: (() => void)[] = [];

  constructor(actions: DrainActions) {
    this.#actions = actions;
  }

  get phase(): Phase {
    return this.#phase;
  }

  /** Whether new calls are refused. */
  get refusing(): boolean {
    return this.#phase === "draining" || this.#phase === "drained";
  }

  /** Whether a drain has begun. */
  get leaving(): boolean {
    return this.refusing || this.#phase === "settling";
  }

  /** Begins to serve, unless a drain has begun meanwhile. */
  serve(): void {
    if (this.#phase === "starting") this.#become("serving");
  }

  callBegan(): void {
    this.#inFlight += 1;
  }

  callEnded(): void {
    this.#inFlight -= 1;
    this.#finishIfIdle();
  }

  /** Begins a drain; one that has begun goes on unchanged. */
  drain({ settleSeconds, timeoutSeconds }: DrainTimes): void {
    if (this.leaving) return;
    this.#deadline = new Date(Date.now() + (settleSeconds + timeoutSeconds) * 1000);
    this.#become("settling");
    this.#after(settleSeconds, () => {
      this.#become("draining");
      this.#after(timeoutSeconds, () => {
        this.#actions.abandon();
        this.#drained();
      });
      this.#finishIfIdle();
    });
  }

  /** Begins a drain that nothing cancels; resolves when it is over. */
  async terminate(times: DrainTimes): Promise<void> {
    this.#terminating = true;
    this.drain(times);
    if (this.#phase === "drained") return;
    await new Promise<void>((resolve) => this.#onDrained.push(resolve));
  }

  /** Serves again; false = the process is about to end. */
  cancelDrain(): boolean {
    if (this.#terminating) return false;
    if (!this.leaving) return true;
    clearTimeout(this.#timer);
    this.#deadline = undefined;
    this.#become("serving");
    return true;
  }

  /** What the drain endpoints show. */
  drainState(): DrainState {
    const state = this.#phase === "drained" ? "drained" : this.leaving ? "draining" : "serving";
    return {
      state,
      in_flight: this.#inFlight,
      queued: this.#actions.queued(),
      deadline: this.#deadline?.toISOString() ?? null,
    };
  }

  #finishIfIdle(): void {
    if (this.#phase === "draining" && this.#inFlight === 0) this.#drained();
  }

  #drained(): void {
    clearTimeout(this.#timer);
    this.#become("drained");
    for (const resolve of this.#onDrained.splice(0)) resolve();
  }

  #after(seconds: number, then: () => void): void {
    this.#timer = setTimeout(then, seconds * 1000);
  }

  #become(phase: Phase): void {
    this.#phase = phase;
    this.#actions.log(phase);
  }
}
