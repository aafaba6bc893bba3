import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from "prom-client";
import type { PoolSettings } from "./settings.ts";
import type { Workers } from "./workers.ts";

/** Upper bounds of the duration histograms in seconds; 0.1 and 0.2 make the objectives exact. */
const durationBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2.5, 5, 10, 30, 60];

/** The metrics of one pool process, named as the contract says. */
export interface PoolMetrics {
  readonly registry: Registry;
  readonly requests: Counter<"operation" | "code">;
  readonly duration: Histogram<"operation">;
  readonly queueWait: Histogram;
  readonly execution: Histogram<"operation">;
  readonly inFlight: Gauge;
  readonly draining: Gauge;
}

/** Registers all metrics; every one carries `pool_version`. */
export function poolMetrics(settings: PoolSettings, workers: Workers): PoolMetrics {
  const registry = new Registry();
  const registers = [registry];
  registry.setDefaultLabels({ pool_version: settings.version });
  collectDefaultMetrics({ register: registry });
  new Gauge({
    name: "pool_queue_depth",
    help: "Operations waiting for a worker.",
    registers,
    collect() {
      this.set(workers.queued);
    },
  });
  new Gauge({
    name: "pool_workers",
    help: "Workers by state.",
    labelNames: ["state"],
    registers,
    collect() {
      this.set({ state: "busy" }, workers.busy);
      this.set({ state: "ready" }, workers.size - workers.busy);
    },
  });
  return {
    registry,
    requests: new Counter({
      name: "pool_requests_total",
      help: "Answered requests by operation and HTTP status.",
      labelNames: ["operation", "code"],
      registers,
    }),
    duration: new Histogram({
      name: "pool_request_duration_seconds",
      help: "Time from the request's arrival to its answer.",
      labelNames: ["operation"],
      buckets: durationBuckets,
      registers,
    }),
    queueWait: new Histogram({
      name: "pool_queue_wait_seconds",
      help: "Time an operation waited for a worker.",
      buckets: durationBuckets,
      registers,
    }),
    execution: new Histogram({
      name: "pool_execution_seconds",
      help: "Time an operation held its worker.",
      labelNames: ["operation"],
      buckets: durationBuckets,
      registers,
    }),
    inFlight: new Gauge({
      name: "pool_in_flight_requests",
      help: "Requests that have no answer yet.",
      registers,
    }),
    draining: new Gauge({
      name: "pool_draining",
      help: "1 from the first moment of draining.",
      registers,
    }),
  };
}
