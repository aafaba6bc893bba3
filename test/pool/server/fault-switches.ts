import { PoolError } from "../errors.ts";
import { faultsSchema, noFaults, type Faults } from "../faults.ts";
import { parseBody } from "../operations/bodies.ts";
import { limitsOf } from "../operations/dispatch.ts";
import type { PoolState } from "../operations/operation.ts";
import type { Reply } from "./replies.ts";

const leakEveryMs = 1000;
const megabyte = 1024 * 1024;

/** The fault switches of `/admin/faults`; a production image must not have them. */
export class FaultSwitches {
  readonly #state: PoolState;
  #leak: NodeJS.Timeout | undefined;

  constructor(state: PoolState) {
    this.#state = state;
  }

  /** @throws PoolError `invalid_request` */
  answer(method: string, body: unknown): Promise<Reply> {
    if (method === "GET") {
      return Promise.resolve({ status: 200, body: this.#state.faults, headers: {} });
    }
    if (method !== "PUT" && method !== "DELETE") {
      throw new PoolError("invalid_request", "Use GET, PUT or DELETE.");
    }
    this.#set(method === "PUT" ? parseBody(faultsSchema, body) : noFaults);
    return Promise.resolve({ status: 204, body: {}, headers: {} });
  }

  /** Ends what goes on by itself. */
  clear(): void {
    clearInterval(this.#leak);
  }

  #set(faults: Faults): void {
    const state = this.#state;
    // Like a killed process: nothing in flight is answered, this request included.
    if (faults.crash) process.exit(70);
    if (faults.kill_worker) state.workers.killOne();
    state.faults = { ...faults, kill_worker: false };
    state.workers.commandFaults = { latencyMs: faults.latency_ms, hang: faults.hang };
    this.clear();
    if (faults.leak_mb_per_min <= 0) return;
    const bytes = Math.ceil((faults.leak_mb_per_min * megabyte * leakEveryMs) / 60_000);
    this.#leak = setInterval(() => {
      const limits = limitsOf(state, state.settings.operationTimeoutMs);
      state.workers
        .run({ command: "leak", bytes }, limits)
        // The new size is seen at once and not only at the next health check.
        .then(() => state.workers.check(state.settings.healthTimeoutMs, Infinity))
        .catch(() => undefined);
    }, leakEveryMs);
    this.#leak.unref();
  }
}
