import type { WorkerPool } from "./worker-pool.ts";

/** Bounds of the optimizer. */
export interface OptimizerOptions {
  readonly minWorkers: number;
  readonly maxWorkers: number;
  /** Time between two decisions, milliseconds. */
  readonly intervalMs: number;
}

/** Samples that a decision needs. */
const neededSamples = 10;
const growAbove = 0.9;
const shrinkBelow = 0.3;

/** Steps by which a pool should change: up with the queue, down one at a time. */
function resizeStep(utilization: number, queued: number): number {
  if (utilization > growAbove && queued > 0) return Math.round(1 + Math.min(queued / 5, 3));
  return utilization < shrinkBelow ? -1 : 0;
}

/** Fits the number of workers to the load while it is enabled. */
export class Optimizer {
  readonly #pool: WorkerPool;
  readonly #options: OptimizerOptions;
  readonly #onResize: (direction: "up" | "down") => void;
  readonly #declaredSize: number;
  #samples: { readonly utilization: number; readonly queued: number }[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(
    pool: WorkerPool,
    options: OptimizerOptions,
    onResize: (direction: "up" | "down") => void,
  ) {
    this.#pool = pool;
    this.#options = options;
    this.#onResize = onResize;
    this.#declaredSize = pool.size;
  }

  /** Switches it on or off; off brings the declared number of workers back. */
  enable(enabled: boolean): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#samples = [];
    if (enabled) {
      this.#timer = setInterval(() => this.#sample(), this.#options.intervalMs / neededSamples);
      this.#timer.unref();
    } else if (this.#pool.size !== this.#declaredSize) {
      this.#pool.resize(this.#declaredSize);
    }
  }

  #sample(): void {
    const pool = this.#pool;
    const present = Math.max(1, pool.workers.length);
    this.#samples.push({ utilization: pool.count("busy") / present, queued: pool.queued });
    if (this.#samples.length < neededSamples) return;
    const mean = (of: "utilization" | "queued"): number =>
      this.#samples.reduce((sum, sample) => sum + sample[of], 0) / this.#samples.length;
    const step = resizeStep(mean("utilization"), mean("queued"));
    this.#samples = [];
    const { minWorkers, maxWorkers } = this.#options;
    const size = Math.min(maxWorkers, Math.max(minWorkers, pool.size + step));
    if (size === pool.size) return;
    this.#onResize(size > pool.size ? "up" : "down");
    pool.resize(size);
  }
}
