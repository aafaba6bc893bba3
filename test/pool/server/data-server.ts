import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { createServer } from "node:http";
import { PoolError } from "../errors.ts";
import type { Lifecycle } from "../lifecycle.ts";
import { health } from "../operations/health.ts";
import type { Call, PoolState } from "../operations/operation.ts";
import { callOperation } from "../operations/operations.ts";
import { beginSpan } from "../telemetry/trace.ts";
import { matchOperation, readCall, requestIdOf, sendJson, type Match } from "./http.ts";
import { answerProbe } from "./probes.ts";
import { replyToError, type Reply } from "./replies.ts";

/**
 * The server of the operations and, on the same port, the probes by which a router decides who is
 * ready.
 */
export function dataServer(state: PoolState, lifecycle: Lifecycle): Server {
  const server = createServer((request, response) => {
    void serve(state, lifecycle, request, response);
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
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? "/", "http://pool");
  if (answerProbe(state, lifecycle, url.pathname, response)) return;
  const requestId = requestIdOf(request);
  const match = matchOperation(request.method ?? "GET", url.pathname);
  // Health checks are no load: a drain does not wait for them.
  const counted = match?.operation !== "health";
  observe(state, match?.operation ?? "unknown", response);
  if (counted) lifecycle.callBegan();
  response.once("close", () => {
    if (counted) lifecycle.callEnded();
  });
  const traced = traceHeaders(state, match?.operation ?? "unknown", request);
  const reply = await replyTo(state, lifecycle, request, url, match, requestId).catch(
    (error: unknown) => replyToError(error, requestId, state.settings.version),
  );
  sendJson(response, reply.status, reply.body, {
    "x-request-id": requestId,
    "x-pool-version": state.settings.version,
    ...traced,
    ...(lifecycle.refusing ? { connection: "close" } : {}),
    ...reply.headers,
  });
  // What is left of a body that was not read to its end must not be taken for a request.
  if (!request.complete) response.once("finish", () => request.socket.destroySoon());
}

function observe({ metrics, statistics }: PoolState, operation: string, response: ServerResponse) {
  const started = performance.now();
  metrics.inFlight.inc();
  response.once("close", () => {
    const ms = performance.now() - started;
    const code = response.writableFinished ? String(response.statusCode) : "aborted";
    metrics.inFlight.dec();
    metrics.requests.inc({ operation, code });
    metrics.duration.observe({ operation }, ms / 1000);
    if (operation !== "health") statistics.add(ms, response.statusCode);
  });
}

function traceHeaders(
  { telemetry }: PoolState,
  operation: string,
  request: IncomingMessage,
): Record<string, string> {
  if (!telemetry.enabled) return {};
  const given = request.headers["traceparent"];
  const span = beginSpan(typeof given === "string" ? given : undefined);
  telemetry.span(operation, span.parentId !== undefined);
  return { traceparent: span.header };
}

async function replyTo(
  state: PoolState,
  lifecycle: Lifecycle,
  request: IncomingMessage,
  url: URL,
  match: Match | undefined,
  requestId: string,
): Promise<Reply> {
  if (!match) {
    throw new PoolError("invalid_request", `No operation is at ${url.pathname}.`);
  }
  if (match.operation === "health") {
    const deep = url.searchParams.get("deep") === "true";
    return { ...(await health(state, lifecycle, deep)), headers: {} };
  }
  if (lifecycle.refusing) {
    throw new PoolError("draining", "This pool process is about to end.", 1);
  }
  if (lifecycle.phase === "starting") {
    throw new PoolError("not_ready", "This pool process is not ready yet.", 1);
  }
  const call = await readCall(request, url, match, state.settings.operationTimeoutMs);
  return await performCall(state, { ...call, operation: match.operation }, requestId);
}

async function performCall(
  state: PoolState,
  call: Call & { readonly operation: Exclude<Call["operation"], "health"> },
  requestId: string,
): Promise<Reply> {
  const { status, body, replayed, run } = await callOperation(state, call);
  // A stored refusal names this request, not the one that it was stored for.
  const ids = status >= 400 ? { request_id: requestId, pool_version: state.settings.version } : {};
  const headers: Record<string, string> = {};
  if (replayed) headers["idempotent-replayed"] = "true";
  if (run) {
    headers["x-worker-id"] = run.workerId;
    headers["x-queue-ms"] = run.queueMs.toFixed(1);
    headers["x-exec-ms"] = run.executionMs.toFixed(1);
    state.metrics.queueWait.observe(run.queueMs / 1000);
    state.metrics.execution.observe({ operation: call.operation }, run.executionMs / 1000);
  }
  return { status, body: { ...body, ...ids }, headers };
}
