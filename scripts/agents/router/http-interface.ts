import { createHash, timingSafeEqual } from "node:crypto";
import * as http from "node:http";
import type { AgentReport } from "../../../infra/rollout/agent-report.ts";

/** What the interface shows. */
export interface HttpInterfaceOptions {
  readonly address: string;
  readonly port: number;
  readonly token: string;
  readonly report: () => AgentReport;
  readonly metrics: () => Promise<string>;
  /** Whether Envoy may start. */
  readonly started: () => boolean;
}

/**
 * The agent's HTTP interface: `/report` and `/metrics` with the token, `/startup` and `/livez` without.
 *
 * The token comes as `Authorization: Bearer <token>` or as `x-router-token: <token>`, because the pod proxy of the
 * Kubernetes API server does not pass the first one on.
 *
 * @returns the server, listening
 */
export async function serveHttp(options: HttpInterfaceOptions): Promise<http.Server> {
  const server = http.createServer((request, response) => {
    void answer(options, request)
      .catch((error: unknown): Answer => [500, `${String(error)}\n`])
      .then(([status, body, type = "text/plain; charset=utf-8"]) => {
        response.writeHead(status, { "content-type": type, "cache-control": "no-store" });
        response.end(request.method === "HEAD" ? undefined : body);
      });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, options.address, resolve);
  });
  return server;
}

type Answer = readonly [status: number, body: string, type?: string];

async function answer(
  options: HttpInterfaceOptions,
  request: http.IncomingMessage,
): Promise<Answer> {
  const path = request.url?.split("?")[0] ?? "/";
  if (request.method !== "GET" && request.method !== "HEAD") return [405, "only GET\n"];
  switch (path) {
    case "/livez":
      return [200, "ok\n"];
    case "/startup":
      return options.started()
        ? [200, "ok\n"]
        : [503, "the first files are not validated and written yet\n"];
    case "/report":
    case "/metrics":
      break;
    default:
      return [404, "there are /report, /metrics, /startup and /livez\n"];
  }
  if (!authorized(request, options.token)) {
    return [401, "the agent's token is missing or wrong\n"];
  }
  return path === "/metrics"
    ? [200, await options.metrics(), "text/plain; version=0.0.4; charset=utf-8"]
    : [200, `${JSON.stringify(options.report())}\n`, "application/json"];
}

function authorized({ headers }: http.IncomingMessage, token: string): boolean {
  const bearer = /^Bearer (.+)$/i.exec(headers.authorization ?? "")?.[1];
  const own = headers["x-router-token"];
  const candidate = bearer ?? (typeof own === "string" ? own : "");
  return timingSafeEqual(digest(candidate), digest(token));
}

/** Of one length, whatever is compared. */
function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
