import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { availableParallelism } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { VerbError, exitCodes } from "../../lib/verb.ts";

/** Who runs on which core: Envoy has one to itself, so that it is the limit, and is not disturbed by its load. */
export interface Cores {
  readonly measured: number;
  readonly load: number;
  readonly pools: number;
}

/**
 * Chooses the cores.
 *
 * @throws VerbError (code 2) on a machine with one core
 */
export function chooseCores(available: number = availableParallelism()): Cores {
  if (available < 2) {
    throw new VerbError(
      exitCodes.refused,
      "this machine has one core: what is measured and its load need one each. Run it on a machine with two cores or more.",
    );
  }
  return { measured: 1, load: 0, pools: available > 2 ? 2 : 0 };
}

/** A process on one core; it is ended by {@link PinnedProcess.stop}. */
export class PinnedProcess {
  readonly #command: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  #errors = "";

  constructor(core: number, command: string, args: readonly string[], env = process.env) {
    this.#command = command;
    this.#child = spawn("taskset", ["--cpu-list", String(core), command, ...args], {
      stdio: ["ignore", "ignore", "pipe"],
      env,
    });
    this.#child.on("error", ({ message }) => (this.#errors = message));
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#errors = (this.#errors + text).slice(-600);
    });
    this.#ended = once(this.#child, "exit").catch(() => undefined);
  }

  /** Process id: taskset becomes the program that it starts. */
  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /**
   * Waits until an address answers 200.
   *
   * @throws Error with what the process wrote, if it ends or the time is over
   */
  async ready(url: string, timeoutSeconds = 20, signal?: AbortSignal): Promise<void> {
    const end = performance.now() + timeoutSeconds * 1000;
    for (;;) {
      signal?.throwIfAborted();
      const answer = await fetch(url, { signal: AbortSignal.timeout(5000) }).catch(() => undefined);
      await answer?.body?.cancel();
      if (answer?.ok) return;
      const ended = this.#child.exitCode !== null || this.#child.signalCode !== null;
      if (ended || performance.now() > end) {
        const what = ended ? "ended" : `did not answer at ${url} within ${timeoutSeconds} s`;
        throw new Error(`${this.#command} ${what}: ${this.#errors}`);
      }
      await sleep(20);
    }
  }

  /** Ends it and waits until it is gone. */
  async stop(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill();
    await this.#ended;
  }
}
