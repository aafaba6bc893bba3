import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { PoolError } from "./errors.ts";
import { idPattern } from "./program.ts";
import type { Call, Operation } from "./operations.ts";

const maxBodyBytes = 1024 * 1024;

/** The session of requests that name none. */
const anonymousSession = "anonymous";

/** Which operation a method and path ask for; undefined = none of the contract's. */
export function matchOperation(
  method: string,
  path: string,
): { operation: Operation; programId: string | undefined } | undefined {
  const [, root, noun, id, verb, ...rest] = path.split("/");
  if (root !== "v1" || rest.length > 0) return undefined;
  const programId = id === undefined ? undefined : decodeURIComponent(id);
  if (noun === "health" && id === undefined && method === "GET") {
    return { operation: "health", programId };
  }
  if (noun !== "programs") return undefined;
  if (id === undefined) {
    if (method === "GET") return { operation: "list", programId };
    if (method === "POST") return { operation: "create", programId };
    return undefined;
  }
  if (verb === "execute" && method === "POST") return { operation: "execute", programId };
  if (verb === undefined && method === "DELETE") return { operation: "delete", programId };
  return undefined;
}

/** The request id of the caller, or a new one. */
export function requestIdOf(request: IncomingMessage): string {
  const given = request.headers["x-request-id"];
  return typeof given === "string" && given !== "" ? given : randomUUID();
}

/** Reads and checks everything a call needs from a request. */
export async function readCall(
  request: IncomingMessage,
  url: URL,
  match: { operation: Operation; programId: string | undefined },
  operationTimeoutMs: number,
): Promise<Call> {
  if (match.programId !== undefined && !idPattern.test(match.programId)) {
    throw new PoolError("invalid_request", "The program id in the path is not well-formed.");
  }
  // A list is safe to repeat by itself; a key on it means nothing.
  const mayBeKeyed = request.method !== "GET";
  return {
    ...match,
    sessionId: idHeader(request, "x-session-id") ?? anonymousSession,
    idempotencyKey: mayBeKeyed ? idHeader(request, "idempotency-key") : undefined,
    body: request.method === "POST" ? await readJson(request) : undefined,
    query: url.searchParams,
    budgetMs: Math.min(budgetHeader(request) ?? operationTimeoutMs, operationTimeoutMs),
  };
}

/** Reads a JSON body of at most 1 MiB. */
export async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBodyBytes) {
      throw new PoolError("payload_too_large", `A body may have ${maxBodyBytes} bytes.`);
    }
    chunks.push(chunk);
  }
  if (size === 0) return undefined;
  if (!/^application\/json\b/i.test(request.headers["content-type"] ?? "")) {
    throw new PoolError("unsupported_media", "The body must be application/json.");
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString("utf8")) as unknown;
  } catch {
    throw new PoolError("invalid_request", "The body is not JSON.");
  }
}

/** Sends a JSON answer. */
export function sendJson(
  response: ServerResponse,
  status: number,
  body: Record<string, unknown>,
  headers: Record<string, string> = {},
): void {
  const text = Buffer.from(JSON.stringify(body));
  response.writeHead(status, {
    "content-type": "application/json; charset=utf-8",
    "content-length": text.length,
    ...headers,
  });
  response.end(text);
}

function idHeader(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  if (value === undefined || value === "") return undefined;
  if (typeof value !== "string" || !idPattern.test(value)) {
    throw new PoolError("invalid_request", `The header ${name} is not well-formed.`);
  }
  return value;
}

function budgetHeader(request: IncomingMessage): number | undefined {
  const value = request.headers["x-request-timeout-ms"];
  if (value === undefined) return undefined;
  const budget = Number(value);
  if (!Number.isInteger(budget) || budget < 1 || budget > 300_000) {
    throw new PoolError(
      "invalid_request",
      "The header x-request-timeout-ms must be a whole number from 1 to 300000.",
    );
  }
  return budget;
}
