import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { Worker as NodeThread } from "node:worker_threads";
import { noFaults } from "./faults.ts";
import { followFlags, noFlags, type PoolFlags } from "./flags.ts";
import { Lifecycle } from "./lifecycle.ts";
import { utilization, workerCounts } from "./operations/health.ts";
import type { PoolState } from "./operations/operation.ts";
import { adminServer, warmUp } from "./server/admin-server.ts";
import { dataServer } from "./server/data-server.ts";
import type { PoolSettings } from "./settings.ts";
import { connect, createTables } from "./store/database.ts";
import { sweepKeys } from "./store/idempotency.ts";
import { RecentPrograms } from "./store/recent-programs.ts";
import { countSessions, sweepSessions } from "./store/sessions.ts";
import { circuit, ExtendedTelemetry, poolMetrics, type PoolMetrics } from "./telemetry/metrics.ts";
import { Statistics } from "./telemetry/statistics.ts";
import { Breaker } from "./workers/breaker.ts";
import { Optimizer } from "./workers/optimizer.ts";
import type { Thread } from "./workers/worker.ts";
import { WorkerPool } from "./workers/worker-pool.ts";

const workerScript = new URL("./workers/worker-thread.ts", import.meta.url);
const startWorkerThread = (): Thread => new NodeThread(workerScript);
const databaseRetryMs = 250;
const sweepEveryMs = 60_000;
/** How long a stopping pool waits for sockets that are still open once it is drained. */
const closeGraceMs = 1000;

/** A pool that listens. */
export interface RunningPool {
  readonly port: number;
  readonly adminPort: number;
  /** Drains, then stops; a second call waits for the first. */
  stop(): Promise<void>;
}

/** Writes one event of the pool's life. */
export type Log = (event: string, fields?: Record<string, unknown>) => void;

/** Starts a pool: it listens at once, and becomes ready when its tables and its workers are there. */
export async function startPool(
  settings: PoolSettings,
  log: Log,
  startThread: () => Thread = startWorkerThread,
): Promise<RunningPool> {
  const { state, optimizer, lifecycle } = assemble(settings, log, startThread);
  const timers = new Timers();
  const applyFlags = (flags: PoolFlags): void => {
    log("flags", { ...flags });
    state.flags = flags;
    // V1 reads the flags and has none of what they switch.
    if (settings.version === "v1") return;
    state.breaker.enable(flags.circuit_breaker);
    state.telemetry.enable(flags.telemetry_v2);
    optimizer.enable(flags.pool_optimizer);
    timers.supervise(flags.enhanced_workers ? () => supervise(state) : undefined, settings);
  };
  const stopFlags = settings.flagsFile && (await followFlags(settings.flagsFile, applyFlags));
  const data = dataServer(state, lifecycle);
  const admin = adminServer(state, lifecycle);
  const port = await listen(data, settings.host, settings.port);
  const adminPort = await listen(admin, settings.host, settings.adminPort);
  log("listening", { version: settings.version, port, adminPort });
  void prepare(state, lifecycle, timers, log);

  const stop = async (): Promise<void> => {
    await lifecycle.terminate({
      settleSeconds: settings.settleSeconds,
      timeoutSeconds: settings.drainTimeoutSeconds,
    });
    timers.clear();
    optimizer.enable(false);
    await Promise.all([close(data), close(admin)]);
    state.workers.stop();
    if (stopFlags) await stopFlags();
    await state.database.end();
  };
  let stopping: Promise<void> | undefined;
  return { port, adminPort, stop: () => (stopping ??= stop()) };
}

function assemble(
  settings: PoolSettings,
  log: Log,
  startThread: () => Thread,
): { state: PoolState; optimizer: Optimizer; lifecycle: Lifecycle } {
  const database = connect(settings.databaseUrl, settings.version);
  const metrics: PoolMetrics = poolMetrics(settings.version, {
    queued: () => workers.queued,
    workersByState: () => workerCounts(state),
    utilization: () => utilization(state),
    workerMemory: () => {
      const sizes = state.workers.workers.map(({ memoryBytes }) => memoryBytes);
      return { sum: sizes.reduce((a, b) => a + b, 0), max: Math.max(0, ...sizes) };
    },
    sessions: () => countSessions(database, settings.sessionTtlSeconds).catch(() => 0),
    breaker: () => state.breaker.state,
    draining: () => lifecycle.leaving,
  });
  const telemetry = new ExtendedTelemetry(metrics.registry);
  const workers = new WorkerPool(
    {
      size: settings.workers,
      maxConcurrent: settings.serial ? 1 : Infinity,
      maxQueue: settings.maxQueue,
      initTimeoutMs: settings.initTimeoutMs,
      startThread,
    },
    {
      started(seconds) {
        metrics.workerStarts.inc();
        metrics.workerStart.observe(seconds);
      },
      failed: (reason) => metrics.workerFailures.inc({ reason }),
      recovered: (seconds) => metrics.workerRecovery.observe(seconds),
      transition: (from, to, seconds) => telemetry.transition(from, to, seconds),
    },
  );
  const breaker = new Breaker(settings.breaker, (to) =>
    metrics.breakerTransitions.inc({ circuit, to }),
  );
  const state: PoolState = {
    settings,
    database,
    workers,
    breaker,
    metrics,
    telemetry,
    statistics: new Statistics(),
    recent: new RecentPrograms(),
    faults: noFaults,
    flags: noFlags,
  };
  const { minWorkers, maxWorkers, optimizerIntervalMs: intervalMs } = settings;
  const optimizer = new Optimizer(workers, { minWorkers, maxWorkers, intervalMs }, (direction) =>
    metrics.resizes.inc({ direction }),
  );
  const lifecycle = new Lifecycle({
    queued: () => workers.queued,
    abandon: () => workers.abandon(),
    log,
  });
  return { state, optimizer, lifecycle };
}

async function prepare(
  state: PoolState,
  lifecycle: Lifecycle,
  timers: Timers,
  log: Log,
): Promise<void> {
  const { database, settings } = state;
  const warm = warmUp(state, lifecycle, settings.warmUp);
  const sweep = async (): Promise<void> => {
    await sweepKeys(database);
    await sweepSessions(database, settings.sessionTtlSeconds);
  };
  for (let lastError = ""; lifecycle.phase === "starting";) {
    try {
      await createTables(database);
      await sweep();
      await warm;
      lifecycle.serve();
    } catch (error) {
      const message = String(error);
      if (message !== lastError) log("waiting for the database", { error: message });
      lastError = message;
      await delay(databaseRetryMs);
    }
  }
  const everyMs = Math.min(sweepEveryMs, settings.sessionTtlSeconds * 1000);
  timers.every(everyMs, () => void sweep().catch(() => undefined));
}

/** Finds workers that no longer answer before an operation meets them. */
async function supervise({ workers, settings, metrics }: PoolState): Promise<void> {
  const { ok, failed } = await workers.check(settings.healthTimeoutMs, settings.maxHealthFailures);
  metrics.healthChecks.inc({ result: "ok" }, ok);
  metrics.healthChecks.inc({ result: "failed" }, failed);
}

/** What a pool does again and again. */
class Timers {
  readonly #timers: NodeJS.Timeout[] = [];
  #supervision: NodeJS.Timeout | undefined;

  every(ms: number, work: () => void): void {
    this.#timers.push(setInterval(work, ms).unref());
  }

  /** Health checks of idle workers, as long as there is something to do at all. */
  supervise(work: (() => Promise<void>) | undefined, { healthIntervalMs }: PoolSettings): void {
    clearInterval(this.#supervision);
    if (work) this.#supervision = setInterval(() => void work(), healthIntervalMs).unref();
  }

  clear(): void {
    clearInterval(this.#supervision);
    for (const timer of this.#timers) clearInterval(timer);
  }
}

async function close(server: Server): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeIdleConnections();
  await Promise.race([closed, delay(closeGraceMs, undefined, { ref: false })]);
  server.closeAllConnections();
}

async function listen(server: Server, host: string, port: number): Promise<number> {
  server.listen(port, host);
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}
