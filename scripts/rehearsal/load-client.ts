import { request, type IncomingHttpHeaders } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { Connections } from "./connections.ts";

/** An HTTP exchange as the caller sees it. */
export interface Exchange {
  /** 0 = no answer. */
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly failure?: "notSent" | "cut";
  /** Error code of the failure. */
  readonly reason?: string;
  readonly repeats: number;
}

/** One request to send. */
export interface Outgoing {
  readonly method: "GET" | "POST" | "DELETE";
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body?: string;
}

/** How a caller behaves. */
export interface ClientOptions {
  /** The address that callers know. */
  readonly baseUrl: string;
  readonly timeoutMs: number;
  /**
   * How often a request that got no answer, or a 5xx that no pool wrote, is sent again with the same
   * ids. Only what may be repeated is: GET, and what carries an Idempotency-Key, always; a POST
   * without one only if it was never sent.
   */
  readonly repeats: number;
}

const repeatPauseMs = 100;

/** A caller with keep-alive connections that sends what it is told without ever waiting in line. */
export class LoadClient {
  readonly #options: ClientOptions;
  readonly #connections = new Connections();

  constructor(options: ClientOptions) {
    this.#options = options;
  }

  /** Sends a request and returns the answer, or how it failed; never rejects. */
  async send(outgoing: Outgoing): Promise<Exchange> {
    for (let repeats = 0; ; repeats++) {
      const exchange = await this.#sendOnce(outgoing);
      if (repeats === this.#options.repeats || !mayRepeat(outgoing, exchange)) {
        return { ...exchange, repeats };
      }
      await delay(repeatPauseMs);
    }
  }

  /** Closes all connections. */
  close(): void {
    this.#connections.close();
  }

  #sendOnce(outgoing: Outgoing): Promise<Omit<Exchange, "repeats">> {
    const agent = this.#connections.next();
    return new Promise((resolve) => {
      let connected = false;
      const fail = (error: NodeJS.ErrnoException): void => {
        const failure = connected ? "cut" : "notSent";
        const reason = error.code ?? error.message;
        resolve({ status: 0, headers: {}, body: "", failure, reason });
      };
      const { body } = outgoing;
      const sent = request(new URL(outgoing.path, this.#options.baseUrl), {
        method: outgoing.method,
        agent,
        headers:
          body === undefined
            ? outgoing.headers
            : { ...outgoing.headers, "content-length": Buffer.byteLength(body) },
        signal: AbortSignal.timeout(this.#options.timeoutMs),
      });
      sent.on("socket", (socket) => {
        if (!socket.connecting) connected = true;
        else socket.once("connect", () => (connected = true));
      });
      sent.on("error", fail);
      sent.on("response", (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", fail);
        response.on("end", () => {
          const text = Buffer.concat(chunks).toString("utf8");
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text });
        });
      });
      sent.end(body);
    });
  }
}

function mayRepeat(outgoing: Outgoing, exchange: Omit<Exchange, "repeats">): boolean {
  const poolAnswered = exchange.headers["x-pool-version"] !== undefined;
  if (poolAnswered || (exchange.status > 0 && exchange.status < 500)) return false;
  const idempotent = outgoing.method === "GET" || "idempotency-key" in outgoing.headers;
  return idempotent || exchange.failure === "notSent";
}
