import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { faultsSchema, noFaults } from "./faults.ts";
import { readJson, sendJson } from "./http.ts";
import type { Lifecycle } from "./lifecycle.ts";
import type { PoolMetrics } from "./metrics.ts";
import type { PoolState } from "./operations.ts";
import { answerProbe } from "./probes.ts";

/** The server of probes, metrics and, in test images only, fault switches. */
export function adminServer(state: PoolState, lifecycle: Lifecycle, metrics: PoolMetrics): Server {
  return createServer((request, response) => {
    serve(state, lifecycle, metrics, request, response).catch((error: unknown) => {
      sendJson(response, 400, { error: String(error) });
    });
  });
}

async function serve(
  state: PoolState,
  lifecycle: Lifecycle,
  metrics: PoolMetrics,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const path = request.url?.split("?")[0] ?? "/";
  if (answerProbe(lifecycle, path, response)) return;
  if (path === "/metrics" && request.method === "GET") {
    metrics.draining.set(lifecycle.phase === "settling" || lifecycle.phase === "draining" ? 1 : 0);
    response.writeHead(200, { "content-type": metrics.registry.contentType });
    response.end(await metrics.registry.metrics());
    return;
  }
  if (path === "/admin/faults" && state.settings.faultsEnabled) {
    await serveFaults(state, request, response);
    return;
  }
  sendJson(response, 404, { error: `Nothing is at ${path}.` });
}

async function serveFaults(
  state: PoolState,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (request.method === "PUT") {
    const parsed = faultsSchema.safeParse((await readJson(request)) ?? {});
    if (!parsed.success) {
      sendJson(response, 400, { error: parsed.error.message });
      return;
    }
    state.faults = parsed.data;
  } else if (request.method === "DELETE") {
    state.faults = noFaults;
  } else if (request.method !== "GET") {
    sendJson(response, 405, { error: "Use GET, PUT or DELETE." });
    return;
  }
  if (state.faults.crash) {
    // Like a killed process: nothing in flight is answered, this request included.
    process.exit(70);
  }
  sendJson(response, 200, state.faults);
}
