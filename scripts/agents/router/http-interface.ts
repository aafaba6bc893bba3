import { createHash, timingSafeEqual } from "node:crypto";
import * as http from "node:http";
import type { AgentReport } from "../../../infra/rollout/agent-report.ts";
import { directBrakePath } from "../../../infra/rollout/direct-brake.ts";
import type { DirectBrake } from "./direct-brake.ts";
import { answerDirectBrake } from "./direct-brake.ts";

/** What the interface shows. */
export interface HttpInterfaceOptions {
  readonly address: string;
  readonly port: number;
  readonly token: string;
  /** The direct brake; absent where it has no token. */
  readonly brake: DirectBrake | undefined;
  readonly report: () => AgentReport;
  readonly metrics: () => Promise<string>;
  /** Whether Envoy may start. */
  readonly started: () => boolean;
}

/**
 * The agent's HTTP interface: `/report` and `/metrics` with the token, `/startup` and `/livez` without, and
 * `POST /brake` with a token of its own.
 *
 * A token comes as `Authorization: Bearer <token>` or as `x-router-token: <token>`, because the pod proxy of the
 * Kubernetes API server does not pass the first one on.
 *
 * @returns the server, listening
 */
export async function serveHttp(options: HttpInterfaceOptions): Promise<http.Server> {
  // Nobody holds a connection with a request that never ends.
  const limits = { requestTimeout: 10_000, headersTimeout: 10_000 };
  const server = http.createServer(limits, (request, response) => {
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

/** Answer of the interface; without a type it is plain text. */
export type Answer = readonly [status: number, body: string, type?: string];

async function answer(
  options: HttpInterfaceOptions,
  request: http.IncomingMessage,
): Promise<Answer> {
  const path = request.url?.split("?")[0] ?? "/";
  if (path === directBrakePath) return brake(options, request);
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
      return [404, "there are /report, /metrics, /startup, /livez and /brake\n"];
  }
  if (!authorized(request, options.token)) {
    return [401, "the agent's token is missing or wrong\n"];
  }
  return path === "/metrics"
    ? [200, await options.metrics(), "text/plain; version=0.0.4; charset=utf-8"]
    : [200, `${JSON.stringify(options.report())}\n`, "application/json"];
}

/** Engages the brake; nothing here releases it. */
async function brake(
  { brake: direct }: HttpInterfaceOptions,
  request: http.IncomingMessage,
): Promise<Answer> {
  if (direct === undefined) {
    return [404, "no direct brake: the stack's configuration has no router.brakeToken\n"];
  }
  if (request.method !== "POST") return [405, "only POST: this engages the brake\n"];
  if (!authorized(request, direct.token)) {
    return [401, "the token of the direct brake is missing or wrong\n"];
  }
  return answerDirectBrake(direct, request);
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
