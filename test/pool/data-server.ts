import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { createServer } from "node:http";
import { errorBody, PoolError } from "./errors.ts";
import { matchOperation, readCall, requestIdOf, sendJson } from "./http.ts";
import type { Lifecycle } from "./lifecycle.ts";
import type { PoolMetrics } from "./metrics.ts";
import { callOperation, pingWorker, type Call, type PoolState } from "./operations.ts";
import { answerProbe } from "./probes.ts";

interface Reply {
  readonly status: number;
  readonly body: Record<string, unknown>;
  readonly headers: Record<string, string>;
}

/**
 * The server of the five operations and, on the same port, the probes by which a router decides
 * who is ready.
 */
export function dataServer(state: PoolState, lifecycle: Lifecycle, metrics: PoolMetrics): Server {
  const server = createServer((request, response) => {
    void serve(state, lifecycle, metrics, request, response);
  });
  // A router closes idle connections after 30 s. If this side closed first, a request could meet
  // a connection that is just being closed.
  server.keepAliveTimeout = 75_000;
  server.headersTimeout = 80_000;
  return server;
}

async function serve(
  state: PoolState,
  lifecycle: Lifecycle,
  metrics: PoolMetrics,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? "/", "http://pool");
  if (answerProbe(lifecycle, url.pathname, response)) return;
  const started = performance.now();
  const requestId = requestIdOf(request);
  const match = matchOperation(request.method ?? "GET", url.pathname);
  metrics.inFlight.inc();
  response.once("close", () => {
    metrics.inFlight.dec();
    const operation = match?.operation ?? "unknown";
    const code = response.writableFinished ? String(response.statusCode) : "aborted";
    metrics.requests.inc({ operation, code });
    metrics.duration.observe({ operation }, (performance.now() - started) / 1000);
  });
  const reply = await replyTo(state, lifecycle, metrics, request, url, match).catch(
    (error: unknown) => replyToError(state, requestId, error),
  );
  sendJson(response, reply.status, reply.body, {
    "x-request-id": requestId,
    "x-pool-version": state.settings.version,
    ...(lifecycle.phase === "draining" ? { connection: "close" } : {}),
    ...reply.headers,
  });
}

async function replyTo(
  state: PoolState,
  lifecycle: Lifecycle,
  metrics: PoolMetrics,
  request: IncomingMessage,
  url: URL,
  match: ReturnType<typeof matchOperation>,
): Promise<Reply> {
  if (!match) throw new PoolError("invalid_request", `No operation is at ${url.pathname}.`);
  if (match.operation === "health") return await health(state, lifecycle, url);
  if (lifecycle.phase === "draining") {
    throw new PoolError("draining", "This pool process is about to end.", 1);
  }
  if (lifecycle.phase === "starting") {
    throw new PoolError("not_ready", "This pool process is not ready yet.", 1);
  }
  const call = await readCall(request, url, match, state.settings.operationTimeoutMs);
  return await performCall(state, metrics, call);
}

async function performCall(state: PoolState, metrics: PoolMetrics, call: Call): Promise<Reply> {
  const { status, body, replayed, run } = await callOperation(state, call);
  const headers: Record<string, string> = {};
  if (replayed) headers["idempotent-replayed"] = "true";
  if (run) {
    headers["x-worker-id"] = String(run.workerId);
    headers["x-queue-ms"] = run.queueMs.toFixed(1);
    headers["x-exec-ms"] = run.executionMs.toFixed(1);
    metrics.queueWait.observe(run.queueMs / 1000);
    metrics.execution.observe({ operation: call.operation }, run.executionMs / 1000);
  }
  return { status, body, headers };
}

async function health(state: PoolState, lifecycle: Lifecycle, url: URL): Promise<Reply> {
  if (url.searchParams.get("deep") === "true") {
    await pingWorker(state, state.settings.operationTimeoutMs);
  }
  const serving = lifecycle.phase === "serving";
  const unhealthy = lifecycle.phase === "starting" ? "unhealthy" : "draining";
  return {
    status: serving ? 200 : 503,
    body: {
      status: serving ? "ok" : unhealthy,
      version: state.settings.version,
      build: "reference",
      workers: {
        ready: state.workers.size - state.workers.busy,
        busy: state.workers.busy,
        degraded: 0,
        starting: 0,
      },
      queue_depth: state.workers.queued,
      uptime_s: Math.round(process.uptime()),
    },
    headers: {},
  };
}

function replyToError(state: PoolState, requestId: string, error: unknown): Reply {
  const known =
    error instanceof PoolError ? error : new PoolError("internal", "The pool failed unexpectedly.");
  if (known !== error) console.error(JSON.stringify({ event: "error", error: String(error) }));
  return {
    status: known.status,
    body: errorBody(known, requestId, state.settings.version),
    headers:
      known.retryAfterSeconds === undefined
        ? {}
        : { "retry-after": String(known.retryAfterSeconds) },
  };
}
