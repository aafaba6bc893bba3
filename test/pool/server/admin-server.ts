import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { z } from "zod";
import { PoolError } from "../errors.ts";
import type { Lifecycle } from "../lifecycle.ts";
import { parseBody } from "../operations/bodies.ts";
import { utilization, workerCounts } from "../operations/health.ts";
import type { PoolState } from "../operations/operation.ts";
import { healthScore } from "../telemetry/statistics.ts";
import { FaultSwitches } from "./fault-switches.ts";
import { readJson, requestIdOf, sendJson } from "./http.ts";
import { answerProbe } from "./probes.ts";
import { replyToError, type Reply } from "./replies.ts";

/** The server of probes, metrics, drain, warm-up and, in test images only, fault switches. */
export function adminServer(state: PoolState, lifecycle: Lifecycle): Server {
  const faults = new FaultSwitches(state);
  const server = createServer((request, response) => {
    const path = request.url?.split("?")[0] ?? "/";
    if (answerProbe(state, lifecycle, path, response)) return;
    if (path === "/metrics") {
      void state.metrics.registry.metrics().then((text) => {
        response.writeHead(200, { "content-type": state.metrics.registry.contentType });
        response.end(text);
      });
      return;
    }
    void answer(state, lifecycle, faults, path, request, response);
  });
  server.on("close", () => faults.clear());
  return server;
}

async function answer(
  state: PoolState,
  lifecycle: Lifecycle,
  faults: FaultSwitches,
  path: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { version, faultsEnabled } = state.settings;
  const requestId = requestIdOf(request);
  try {
    const body = request.method === "GET" ? undefined : await readJson(request);
    const reply = await replyTo(`${request.method} ${path}`, body);
    send(
      response,
      requestId,
      reply ?? { status: 404, body: { error: `Nothing is at ${path}.` }, headers: {} },
    );
  } catch (error) {
    send(response, requestId, replyToError(error, requestId, version));
  }

  async function replyTo(route: string, body: unknown): Promise<Reply | undefined> {
    if (route === "GET /v1/stats") return ok(stats(state));
    if (route === "POST /admin/drain") {
      const { timeout_s } = parseBody(drainSchema, body);
      const timeoutSeconds = timeout_s ?? state.settings.drainTimeoutSeconds;
      lifecycle.drain({ settleSeconds: state.settings.settleSeconds, timeoutSeconds });
      return { status: 202, body: lifecycle.drainState(), headers: {} };
    }
    if (route === "GET /admin/drain") return ok(lifecycle.drainState());
    if (route === "DELETE /admin/drain") {
      if (!lifecycle.cancelDrain()) {
        throw new PoolError("draining", "This pool process is about to end.", 1);
      }
      return ok(lifecycle.drainState());
    }
    if (route === "POST /admin/warmup") {
      const { strategy } = parseBody(warmUpSchema, body);
      void warmUp(state, lifecycle, strategy);
      return { status: 202, body: { strategy, state: "warming" }, headers: {} };
    }
    return faultsEnabled && path === "/admin/faults"
      ? await faults.answer(request.method ?? "", body)
      : undefined;
  }
}

const drainSchema = z.object({ timeout_s: z.number().min(0).max(600).optional() });
const warmUpSchema = z.object({
  strategy: z.enum(["parallel", "staged", "sequential"]).default("parallel"),
});

/** Starts what is missing and asks every worker once; readiness waits for it. */
export async function warmUp(
  state: PoolState,
  lifecycle: Lifecycle,
  strategy: "parallel" | "staged" | "sequential" | "off",
): Promise<void> {
  lifecycle.warmingUp = strategy !== "off";
  const end = state.metrics.warmUp.startTimer();
  try {
    await state.workers.fill(strategy);
    await state.workers.check(state.settings.healthTimeoutMs, state.settings.maxHealthFailures);
  } finally {
    lifecycle.warmingUp = false;
    end();
  }
}

function stats(state: PoolState): object {
  const { workers, statistics, breaker, flags } = state;
  const summary = statistics.summary();
  const share = utilization(state);
  const counts = workerCounts(state);
  return {
    pool_size: workers.size,
    active_workers: counts["busy"],
    idle_workers: counts["ready"],
    queue_depth: workers.queued,
    utilization: share,
    throughput: summary.throughput,
    avg_latency: summary.avgLatencyMs,
    p99_latency: summary.p99LatencyMs,
    error_rate: summary.errorRate,
    health_score: healthScore(share, summary),
    timestamp: new Date().toISOString(),
    breaker: breaker.state,
    flags,
  };
}

function ok(body: object): Reply {
  return { status: 200, body, headers: {} };
}

function send(response: ServerResponse, requestId: string, reply: Reply): void {
  const headers = { "x-request-id": requestId, ...reply.headers };
  if (reply.status === 204) response.writeHead(204, headers).end();
  else sendJson(response, reply.status, reply.body, headers);
}
