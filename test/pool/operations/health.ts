import type { Lifecycle } from "../lifecycle.ts";
import { limitsOf } from "./dispatch.ts";
import type { Answer, PoolState } from "./operation.ts";

/** Workers by what the contract calls them. */
export function workerCounts({ workers }: PoolState): Record<string, number> {
  return {
    ready: workers.count("ready"),
    busy: workers.count("busy"),
    degraded: workers.count("degraded"),
    starting: workers.count("initializing"),
  };
}

/** Share of the workers that run something. */
export function utilization({ workers }: PoolState): number {
  return workers.count("busy") / Math.max(1, workers.workers.length);
}

/** Whether the pool may get calls: a worker takes work, no warm-up runs, no drain has begun. */
export function isReady({ workers }: PoolState, lifecycle: Lifecycle): boolean {
  const works = workers.count("ready") + workers.count("busy") > 0;
  return lifecycle.phase === "serving" && !lifecycle.warmingUp && works;
}

/** `GET /v1/health`; a deep one asks a worker. */
export async function health(
  state: PoolState,
  lifecycle: Lifecycle,
  deep: boolean,
): Promise<Answer> {
  const answers = !deep || (await pingWorker(state));
  const counts = workerCounts(state);
  const complete = counts["degraded"] === 0 && state.workers.workers.length >= state.workers.size;
  const serving = lifecycle.phase === "serving";
  const ok = serving && answers && state.workers.workers.length > 0;
  const degraded = complete ? "ok" : "degraded";
  const down = lifecycle.leaving ? "draining" : "unhealthy";
  return {
    status: ok ? 200 : 503,
    body: {
      status: ok ? degraded : down,
      version: state.settings.version,
      build: `reference-${state.settings.version}`,
      workers: counts,
      queue_depth: state.workers.queued,
      uptime_s: Math.round(process.uptime()),
    },
  };
}

async function pingWorker(state: PoolState): Promise<boolean> {
  const limits = limitsOf(state, state.settings.healthTimeoutMs);
  try {
    await state.workers.run({ command: "ping" }, limits);
    state.metrics.healthChecks.inc({ result: "ok" });
    return true;
  } catch {
    state.metrics.healthChecks.inc({ result: "failed" });
    return false;
  }
}
