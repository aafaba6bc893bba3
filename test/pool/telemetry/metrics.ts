import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from "prom-client";
import type { PoolVersion } from "../settings.ts";
import type { BreakerState } from "../workers/breaker.ts";

/** Upper bounds of the duration histograms in seconds; 0.1 and 0.2 make the objectives exact. */
const buckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2.5, 5, 10, 30, 60];

/** What the gauges show at the moment they are read. */
export interface Gauges {
  readonly queued: () => number;
  readonly workersByState: () => Record<string, number>;
  readonly utilization: () => number;
  readonly workerMemory: () => { readonly sum: number; readonly max: number };
  readonly sessions: () => Promise<number>;
  readonly breaker: () => BreakerState;
  readonly draining: () => boolean;
}

const breakerValue: Record<BreakerState, number> = { closed: 0, half_open: 1, open: 2 };

/** The only circuit there is. */
export const circuit = "worker_commands";

/** The metrics of one pool process, named as the contract says; every one carries `pool_version`. */
export type PoolMetrics = ReturnType<typeof poolMetrics>;

/** Registers all metrics. */
export function poolMetrics(version: PoolVersion, gauges: Gauges) {
  const registry = new Registry();
  registry.setDefaultLabels({ pool_version: version });
  collectDefaultMetrics({ register: registry });
  declareGauges(registry, version, gauges);
  const counter = <T extends string>(name: string, help: string, ...labelNames: T[]) =>
    new Counter({ name, help, labelNames, registers: [registry] });
  const histogram = <T extends string>(name: string, help: string, ...labelNames: T[]) =>
    new Histogram({ name, help, labelNames, buckets, registers: [registry] });
  const metrics = {
    registry,
    requests: counter(
      "pool_requests_total",
      "Answered requests by operation and status.",
      "operation",
      "code",
    ),
    duration: histogram(
      "pool_request_duration_seconds",
      "Time from a request's arrival to its answer.",
      "operation",
    ),
    queueWait: histogram("pool_queue_wait_seconds", "Time an operation waited for a worker."),
    execution: histogram(
      "pool_execution_seconds",
      "Time an operation held its worker.",
      "operation",
    ),
    inFlight: new Gauge({
      name: "pool_in_flight_requests",
      help: "Requests that have no answer yet.",
      registers: [registry],
    }),
    workerStarts: counter("pool_worker_starts_total", "Workers that became ready."),
    workerFailures: counter(
      "pool_worker_failures_total",
      "Workers that ended unasked, by reason.",
      "reason",
    ),
    workerStart: histogram("pool_worker_start_seconds", "Time until a new worker is ready."),
    workerRecovery: histogram(
      "pool_worker_recovery_seconds",
      "Time from a worker's end to its successor being ready.",
    ),
    healthChecks: counter("pool_health_checks_total", "Health checks of workers.", "result"),
    sessionLookups: counter("pool_session_lookups_total", "Lookups of sessions.", "result"),
    breakerTransitions: counter(
      "pool_breaker_transitions_total",
      "Changes of the circuit breaker.",
      "circuit",
      "to",
    ),
    retries: counter("pool_retries_total", "Retries inside the pool: never of execute.", "reason"),
    warmUp: histogram("pool_warmup_seconds", "Time of a warm-up of all workers."),
    resizes: counter("pool_optimizer_resizes_total", "Changes by the optimizer.", "direction"),
  };
  // A series that shows 0 tells more than one that is missing until its first event.
  for (const result of ["ok", "failed"]) metrics.healthChecks.inc({ result }, 0);
  for (const result of ["hit", "miss"]) metrics.sessionLookups.inc({ result }, 0);
  metrics.breakerTransitions.inc({ circuit, to: "open" }, 0);
  metrics.workerFailures.inc({ reason: "crashed" }, 0);
  metrics.retries.inc({ reason: "none" }, 0);
  return metrics;
}

function declareGauges(registry: Registry, version: PoolVersion, gauges: Gauges): void {
  const gauge = <T extends string>(
    name: string,
    help: string,
    labelNames: T[],
    collect: (gauge: Gauge<T>) => void | Promise<void>,
  ): void => {
    new Gauge({
      name,
      help,
      labelNames,
      registers: [registry],
      collect() {
        return collect(this);
      },
    });
  };
  gauge("pool_queue_depth", "Operations waiting for a worker.", [], (it) => {
    it.set(gauges.queued());
  });
  gauge("pool_workers", "Workers by state.", ["state"], (it) => {
    for (const [state, count] of Object.entries(gauges.workersByState())) it.set({ state }, count);
  });
  gauge("pool_worker_utilization_ratio", "Busy workers as a share of all.", [], (it) => {
    it.set(gauges.utilization());
  });
  gauge(
    "pool_worker_resident_memory_bytes",
    "Memory of the workers' heaps and buffers at their last ping.",
    ["aggregate"],
    (it) => {
      const { sum, max } = gauges.workerMemory();
      it.set({ aggregate: "sum" }, sum);
      it.set({ aggregate: "max" }, max);
    },
  );
  gauge("pool_sessions_active", "Sessions that have not expired.", [], async (it) => {
    it.set(await gauges.sessions());
  });
  gauge("pool_breaker_state", "0 closed, 1 half open, 2 open.", ["circuit"], (it) => {
    it.set({ circuit }, breakerValue[gauges.breaker()]);
  });
  gauge("pool_draining", "1 from the first moment of draining.", [], (it) => {
    it.set(gauges.draining() ? 1 : 0);
  });
  gauge("pool_build_info", "Always 1; its labels name the build.", ["build"], (it) => {
    it.set({ build: `reference-${version}` }, 1);
  });
}

/** Families that V2 has only while its flag `telemetry_v2` is on. */
export class ExtendedTelemetry {
  readonly #registry: Registry;
  #families:
    { transitions: Histogram<"from" | "to">; spans: Counter<"operation" | "parent"> } | undefined;

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  get enabled(): boolean {
    return this.#families !== undefined;
  }

  /** Adds the families, or takes them away. */
  enable(enabled: boolean): void {
    if (enabled === this.enabled) return;
    const registers = [this.#registry];
    if (!enabled) {
      this.#families = undefined;
      this.#registry.removeSingleMetric("pool_worker_transition_seconds");
      this.#registry.removeSingleMetric("pool_spans_total");
      return;
    }
    this.#families = {
      transitions: new Histogram({
        name: "pool_worker_transition_seconds",
        help: "Time in the state that a worker left.",
        labelNames: ["from", "to"],
        buckets,
        registers,
      }),
      spans: new Counter({
        name: "pool_spans_total",
        help: "Spans, by operation and by whether the caller's trace was continued.",
        labelNames: ["operation", "parent"],
        registers,
      }),
    };
  }

  transition(from: string, to: string, seconds: number): void {
    this.#families?.transitions.observe({ from, to }, seconds);
  }

  span(operation: string, continued: boolean): void {
    this.#families?.spans.inc({ operation, parent: continued ? "caller" : "none" });
  }
}
