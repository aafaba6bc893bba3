import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { PoolError } from "../errors.ts";
import { idPattern } from "../operations/bodies.ts";
import type { Call, Operation } from "../operations/operation.ts";

const maxBodyBytes = 1024 * 1024;
/** How much of a body that is too large is read and dropped, so that its sender sees the answer. */
const maxDroppedBytes = 16 * maxBodyBytes;

/** The session of requests that name none. */
const anonymousSession = "anonymous";

/** Which operation a method and path ask for. */
export interface Match {
  readonly operation: Operation;
  /** Empty where the path has a place for it and names none. */
  readonly programId: string | undefined;
}

/** Finds the operation of a method and path; undefined = none of the contract's. */
export function matchOperation(method: string, path: string): Match | undefined {
  const [, root, ...parts] = path.split("/");
  if (root !== "v1") return undefined;
  const route = `${method} ${parts.length === 2 || parts.length === 3 ? routeOf(parts) : parts[0]}`;
  const operation = (operationsByRoute as Record<string, Operation>)[route];
  if (!operation) return undefined;
  return { operation, programId: parts[0] === "programs" ? parts[1] : undefined };
}

const operationsByRoute = {
  "GET health": "health",
  "GET programs": "list",
  "POST programs": "create",
  "GET programs/{id}": "get",
  "DELETE programs/{id}": "delete",
  "POST programs/{id}/execute": "execute",
  "DELETE session": "end_session",
  "PUT session/lm": "configure_lm",
} as const satisfies Record<string, Operation>;

function routeOf([noun = "", ...rest]: string[]): string {
  return noun === "programs"
    ? [noun, "{id}", ...rest.slice(1)].join("/")
    : [noun, ...rest].join("/");
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
  match: Match,
  operationTimeoutMs: number,
): Promise<Call> {
  // What is safe to repeat needs no key; one on it means nothing.
  const mayBeKeyed = request.method !== "GET";
  const sessionId = header(request, "x-session-id", idPattern) ?? anonymousSession;
  const budget = header(request, "x-request-timeout-ms", /^\d+$/);
  if (budget !== undefined && !(Number(budget) >= 1 && Number(budget) <= 300_000)) {
    throw malformed("x-request-timeout-ms");
  }
  return {
    operation: match.operation,
    programId: programId(match),
    sessionId,
    idempotencyKey: mayBeKeyed ? header(request, "idempotency-key", /^[!-~]{1,128}$/) : undefined,
    body: mayBeKeyed && request.method !== "DELETE" ? await readJson(request) : undefined,
    query: url.searchParams,
    budgetMs: Math.min(Number(budget ?? operationTimeoutMs), operationTimeoutMs),
  };
}

/** Reads a JSON body of at most 1 MiB. */
export async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size <= maxBodyBytes) chunks.push(chunk);
    else if (size > maxDroppedBytes) break;
  }
  if (size > maxBodyBytes) {
    throw new PoolError("payload_too_large", `A body may have ${maxBodyBytes} bytes.`);
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
  body: object,
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

function programId({ programId: encoded }: Match): string | undefined {
  if (encoded === undefined || encoded === "") return encoded;
  const id = decodeOrUndefined(encoded);
  if (id !== undefined && idPattern.test(id)) return id;
  throw new PoolError("invalid_request", "The program id in the path is not well-formed.");
}

function decodeOrUndefined(encoded: string): string | undefined {
  try {
    return decodeURIComponent(encoded);
  } catch {
    return undefined;
  }
}

function header(request: IncomingMessage, name: string, pattern: RegExp): string | undefined {
  const value = request.headers[name];
  if (value === undefined || value === "") return undefined;
  if (typeof value !== "string" || !pattern.test(value)) throw malformed(name);
  return value;
}

function malformed(name: string): PoolError {
  return new PoolError("invalid_request", `The header ${name} is not well-formed.`);
}
