import { once } from "node:events";
import * as http from "node:http";
import * as https from "node:https";

/** An answer, with its body as JSON where it is JSON. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Parsed body; undefined where it is no JSON object. */
  readonly json: Record<string, unknown> | undefined;
}

/** What a call sends. */
export interface CallOptions {
  /** Session of the call; absent = anonymous. */
  readonly session?: string | undefined;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Sent as it is, with whatever content type the headers say. */
  readonly raw?: string;
  readonly headers?: Record<string, string>;
}

/** Longest wait for an answer, milliseconds: longer than a pool may work on one operation. */
const answerTimeoutMs = 60_000;

/**
 * Calls one port of a pool over plain HTTP. Each call has a connection of its own, which it offers
 * to keep: a call on an idle one could meet its closing, and would look like a lost call.
 */
export class Client {
  readonly #base: string;
  readonly #http: typeof http | typeof https;

  constructor(base: string) {
    this.#base = base.replace(/\/+$/, "");
    this.#http = new URL(base).protocol === "https:" ? https : http;
  }

  /** @throws Error when there is no answer. */
  async call(method: string, path: string, options: CallOptions = {}): Promise<Answer> {
    const { session, body, raw, headers } = options;
    const content = raw ?? (body === undefined ? "" : JSON.stringify(body));
    const agent = new this.#http.Agent({ keepAlive: true });
    const request = this.#http.request(`${this.#base}${path}`, {
      method,
      agent,
      signal: AbortSignal.timeout(answerTimeoutMs),
      headers: {
        ...(session === undefined ? {} : { "x-session-id": session }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...(content === "" ? {} : { "content-length": Buffer.byteLength(content) }),
        ...headers,
      },
    });
    try {
      request.end(content);
      const [answer] = (await once(request, "response")) as [http.IncomingMessage];
      const chunks = await answer.toArray();
      const text = Buffer.concat(chunks as Buffer[]).toString("utf8");
      const status = answer.statusCode ?? 0;
      return { status, headers: headersOf(answer), text, json: parse(text) };
    } catch (error) {
      const { code, message } = error as Error & { code?: string };
      throw new Error(`${method} ${path} got no answer: ${code ?? message}`, { cause: error });
    } finally {
      agent.destroy();
    }
  }
}

function headersOf({ headersDistinct }: http.IncomingMessage): Headers {
  return new Headers(
    Object.entries(headersDistinct).flatMap(([name, values = []]) =>
      values.map((value): [string, string] => [name, value]),
    ),
  );
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
