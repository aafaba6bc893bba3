import { createHash, timingSafeEqual } from "node:crypto";
import * as http from "node:http";

/** Answer of an agent; without a type it is plain text. */
export type Answer = readonly [status: number, body: string, type?: string];

/** Type of the Prometheus text format. */
export const metricsType = "text/plain; version=0.0.4; charset=utf-8";

/**
 * Serves a small interface over HTTP.
 *
 * @param answer what a request gets; one that throws is answered 500
 * @returns the server, listening
 * @throws Error when the port is taken
 */
export async function serveAnswers(
  { address, port }: { readonly address: string; readonly port: number },
  answer: (request: http.IncomingMessage, path: string) => Promise<Answer>,
): Promise<http.Server> {
  // Nobody holds a connection with a request that never ends.
  const limits = { requestTimeout: 10_000, headersTimeout: 10_000 };
  const server = http.createServer(limits, (request, response) => {
    void answer(request, request.url?.split("?")[0] ?? "/")
      .catch((error: unknown): Answer => [500, `${String(error)}\n`])
      .then(([status, body, type = "text/plain; charset=utf-8"]) => {
        response.writeHead(status, { "content-type": type, "cache-control": "no-store" });
        response.end(request.method === "HEAD" ? undefined : body);
      });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, address, resolve);
  });
  return server;
}

/** Whether a request only reads. */
export function onlyReads({ method }: http.IncomingMessage): boolean {
  return method === "GET" || method === "HEAD";
}

/**
 * Whether a request shows a token: as `Authorization: Bearer <token>`, or as `x-router-token: <token>`, because the pod
 * proxy of the Kubernetes API server does not pass the first one on.
 */
export function showsToken({ headers }: http.IncomingMessage, token: string): boolean {
  const bearer = /^Bearer (.+)$/i.exec(headers.authorization ?? "")?.[1];
  const own = headers["x-router-token"];
  const candidate = bearer ?? (typeof own === "string" ? own : "");
  return timingSafeEqual(digest(candidate), digest(token));
}

/** Of one length, whatever is compared. */
function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

/**
 * The body of a request, as JSON.
 *
 * @param limit longest body, bytes
 * @returns `tooLong`, or the value; undefined where it is no JSON
 */
export async function readJsonBody(
  request: http.IncomingMessage,
  limit: number,
): Promise<"tooLong" | { readonly value: unknown }> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > limit) return "tooLong";
    chunks.push(chunk);
  }
  try {
    return { value: JSON.parse(Buffer.concat(chunks).toString("utf8")) as unknown };
  } catch {
    return { value: undefined };
  }
}
