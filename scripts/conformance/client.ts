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

/** Calls one port of a pool over plain HTTP. */
export class Client {
  readonly #base: string;

  constructor(base: string) {
    this.#base = base.replace(/\/+$/, "");
  }

  /** @throws Error when there is no answer. */
  async call(method: string, path: string, options: CallOptions = {}): Promise<Answer> {
    const { session, body, raw, headers } = options;
    const content = raw ?? (body === undefined ? undefined : JSON.stringify(body));
    const response = await fetch(`${this.#base}${path}`, {
      method,
      headers: {
        ...(session === undefined ? {} : { "x-session-id": session }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      },
      ...(content === undefined ? {} : { body: content }),
      signal: AbortSignal.timeout(answerTimeoutMs),
    }).catch((error: unknown) => {
      const { cause, message } = error as Error & { cause?: { code?: string } };
      throw new Error(`${method} ${path} got no answer: ${cause?.code ?? message}`);
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, json: parse(text) };
  }
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
