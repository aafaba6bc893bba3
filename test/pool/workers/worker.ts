import { PoolError } from "../errors.ts";
import { ProgramFailure } from "../program.ts";
import { isReplyTo, type Command, type Pong, type Request } from "./messages.ts";

/** Where a worker stands in its life. It takes work only when it is ready. */
export type WorkerState =
  "initializing" | "ready" | "busy" | "degraded" | "terminating" | "terminated";

const allowedTransitions: Record<WorkerState, readonly WorkerState[]> = {
  initializing: ["ready", "terminated"],
  ready: ["busy", "degraded", "terminating"],
  busy: ["ready", "degraded", "terminating"],
  degraded: ["ready", "terminating"],
  terminating: ["terminated"],
  terminated: [],
};

/** Told of every change of a worker's state, with the seconds spent in the one before. */
export type TransitionListener = (
  worker: Worker,
  from: WorkerState,
  to: WorkerState,
  seconds: number,
) => void;

/** What a worker runs in: a thread, as `node:worker_threads` makes it. */
export interface Thread {
  on(event: "message" | "error", listener: (value: unknown) => void): unknown;
  on(event: "exit", listener: () => void): unknown;
  postMessage(request: Request): void;
  terminate(): Promise<unknown>;
}

/** What faults add to a command. */
export interface CommandFaults {
  readonly latencyMs: number;
  readonly hang: boolean;
}

const noCommandFaults: CommandFaults = { latencyMs: 0, hang: false };

/** One worker: a thread of its own that answers one command at a time. */
export class Worker {
  readonly id: string;
  /** Health checks that failed one after the other. */
  failedChecks = 0;
  /** Memory at the last ping, bytes. */
  memoryBytes = 0;
  /** Why it ended, once it does. */
  reason = "crashed";
  readonly #thread: Thread;
  readonly #onTransition: TransitionListener;
  #state: WorkerState = "initializing";
  #since = performance.now();
  #lastRequest = 0;
  #pending:
    { id: number; settle: (message: unknown) => void; fail: (e: Error) => void } | undefined;

  constructor(id: string, thread: Thread, onTransition: TransitionListener) {
    this.id = id;
    this.#onTransition = onTransition;
    this.#thread = thread;
    this.#thread.on("message", (message: unknown) => this.#pending?.settle(message));
    this.#thread.on("error", () => undefined);
    this.#thread.on("exit", () => this.#gone());
  }

  get state(): WorkerState {
    return this.#state;
  }

  /**
   * Changes the state.
   * @throws Error for a change that a worker's life does not have.
   */
  become(next: WorkerState): void {
    const from = this.#state;
    if (!allowedTransitions[from].includes(next)) {
      throw new Error(`Worker ${this.id} cannot go from ${from} to ${next}.`);
    }
    const now = performance.now();
    const seconds = (now - this.#since) / 1000;
    this.#state = next;
    this.#since = now;
    this.#onTransition(this, from, next, seconds);
  }

  /** Waits for the first answer and becomes ready; a worker without one in time is ended. */
  async start(timeoutMs: number): Promise<void> {
    try {
      await this.ping(timeoutMs);
      this.become("ready");
    } catch (error) {
      this.end("initialization");
      throw error;
    }
  }

  /** @throws PoolError when there is no answer in time. */
  async ping(timeoutMs: number, faults = noCommandFaults): Promise<void> {
    const { memoryBytes } = (await this.call({ command: "ping" }, timeoutMs, faults)) as Pong;
    this.memoryBytes = memoryBytes;
  }

  /**
   * Sends a command and waits for its answer. A worker that does not answer in time or answers
   * something else is ended: a late answer must never meet the next command.
   * @throws PoolError `operation_timeout`, `worker_crashed`, `protocol_error`, `program_failed`.
   */
  async call(command: Command, timeoutMs: number, faults = noCommandFaults): Promise<unknown> {
    const id = ++this.#lastRequest;
    const message = await new Promise<unknown>((settle, fail) => {
      const timer = setTimeout(() => {
        fail(new PoolError("operation_timeout", `The operation took longer than ${timeoutMs} ms.`));
      }, timeoutMs);
      const done = (): void => {
        clearTimeout(timer);
        this.#pending = undefined;
      };
      this.#pending = {
        id,
        settle: (reply) => (done(), settle(reply)),
        fail: (error) => (done(), fail(error)),
      };
      this.#thread.postMessage({ id, command, ...faults } satisfies Request);
    });
    if (!isReplyTo(message, id)) {
      throw new PoolError("protocol_error", "A worker answered something that is no answer.");
    }
    if (message.success) return message.result;
    if (message.kind === "program") throw new ProgramFailure(message.error);
    throw new PoolError("internal", `A worker failed: ${message.error}`);
  }

  /** Fails the command that runs, if there is one. */
  abort(error: PoolError): void {
    this.#pending?.fail(error);
  }

  /** Ends the thread at once. */
  end(reason: string): void {
    if (this.#state === "terminating" || this.#state === "terminated") return;
    this.reason = reason;
    if (this.#state !== "initializing") this.become("terminating");
    void this.#thread.terminate();
  }

  /** Ends the thread as a crash would: nobody was told. */
  crash(): void {
    void this.#thread.terminate();
  }

  #gone(): void {
    if (this.#state === "initializing") this.reason = "initialization";
    else if (this.#state !== "terminating") this.become("terminating");
    this.become("terminated");
    this.#pending?.fail(
      new PoolError("worker_crashed", "The worker that ran the operation ended.", 0.1),
    );
  }
}
