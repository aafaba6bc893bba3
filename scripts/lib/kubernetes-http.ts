import * as http from "node:http";
import * as https from "node:https";
import type { ClusterConnection, Credentials } from "./cluster-connection.ts";
import { KubernetesError, failureOfStatus } from "./kubernetes-error.ts";

/** One request to the API server. */
export interface Call {
  method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  path: string;
  query?: Record<string, string | undefined>;
  headers?: Record<string, string>;
  /** Sent as JSON of this content type. */
  body?: { contentType: string; content: object };
}

/** How long an exchange may take, counted from the moment the credentials are there. */
export interface Limits {
  /** Ends the exchange; what is awaited then rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
  /** Time for the whole answer. */
  totalMilliseconds?: number;
  /** Longest time without a byte from the server. */
  silenceMilliseconds?: number;
}

/** After this much silence the kernel asks whether the other side still holds the connection. */
const keepAliveMilliseconds = 5_000;

/**
 * Exchanges with one API server over kept connections. Rejects with KubernetesError, with
 * KubeconfigError where the credentials cannot be had, or with the reason of the caller's signal.
 */
export class KubernetesHttp {
  private readonly connection: ClusterConnection;
  private pool: { credentials: Credentials; agent: http.Agent } | undefined;

  constructor(connection: ClusterConnection) {
    this.connection = connection;
  }

  /** Sends a request and gives `use` the answer, if its status is below 400. */
  async exchange<T>(
    call: Call,
    limits: Limits,
    use: (response: http.IncomingMessage) => Promise<T>,
  ): Promise<T> {
    const stream = this.stream(call, limits, async function* (response) {
      yield await use(response);
    });
    for await (const result of stream) return result;
    // The stream ends without a result only where the caller's own signal ended it.
    throw limits.signal?.reason;
  }

  /** The same for an answer that is read bit by bit; ends quietly when the caller's signal aborts. */
  async *stream<T>(
    call: Call,
    limits: Limits,
    use: (response: http.IncomingMessage) => AsyncIterable<T>,
  ): AsyncGenerator<T, void, undefined> {
    let response: http.IncomingMessage | undefined;
    let deadline: AbortSignal | undefined;
    try {
      // Before the clock starts: a credential plugin may be waiting for a person to log in.
      const credentials = await this.connection.credentials();
      if (limits.totalMilliseconds !== undefined) {
        deadline = AbortSignal.timeout(limits.totalMilliseconds);
      }
      const signals = [limits.signal, deadline].filter((signal) => signal !== undefined);
      const bounds = { signal: AbortSignal.any(signals), silence: limits.silenceMilliseconds };
      response = await this.send(call, credentials, bounds);
      if (response.statusCode === 401) {
        // A plugin's credential may be revoked before its time: ask once more, as client-go does.
        response.resume();
        response = await this.send(call, await this.connection.credentials(true), bounds);
      }
      await refuseFailure(call, response);
      yield* use(response);
    } catch (error) {
      if (limits.signal?.aborted) return;
      throw this.explained(error, call, deadline?.aborted ?? false);
    } finally {
      response?.destroy();
    }
  }

  /** Closes idle connections. */
  close(): void {
    this.pool?.agent.destroy();
  }

  private send(
    call: Call,
    credentials: Credentials,
    bounds: { signal: AbortSignal; silence: number | undefined },
  ): Promise<http.IncomingMessage> {
    const { server, headers } = this.connection;
    const url = new URL(server.pathname.replace(/\/$/, "") + call.path, server);
    for (const [key, value] of Object.entries(call.query ?? {})) {
      if (value !== undefined) url.searchParams.set(key, value);
    }
    const body = call.body && JSON.stringify(call.body.content);
    const { request: open } = server.protocol === "http:" ? http : https;
    return new Promise((resolve, reject) => {
      const request = open(url, {
        method: call.method,
        agent: this.agentFor(credentials),
        signal: bounds.signal,
        headers: {
          accept: "application/json",
          "user-agent": "pool-migration",
          ...headers,
          ...(credentials.token ? { authorization: `Bearer ${credentials.token}` } : {}),
          ...(call.body ? { "content-type": call.body.contentType } : {}),
          ...(body ? { "content-length": String(Buffer.byteLength(body)) } : {}),
          ...call.headers,
        },
      });
      let answerOrRequest: http.ClientRequest | http.IncomingMessage = request;
      request.on("error", reject);
      request.on("response", (response) => {
        answerOrRequest = response;
        resolve(response);
      });
      if (bounds.silence !== undefined) {
        request.setTimeout(bounds.silence, () =>
          answerOrRequest.destroy(new Error("silent for too long")),
        );
      }
      request.end(body);
    });
  }

  /** One connection pool for as long as the certificates stay the same; tokens travel in headers. */
  private agentFor(credentials: Credentials): http.Agent {
    const { ca, certificate, key } = credentials;
    const known = this.pool?.credentials;
    if (this.pool && known?.ca === ca && known?.certificate === certificate && known?.key === key) {
      return this.pool.agent;
    }
    const { server, insecure, tlsServerName } = this.connection;
    const common = { keepAlive: true, keepAliveMsecs: keepAliveMilliseconds };
    const agent =
      server.protocol === "http:"
        ? new http.Agent(common)
        : new https.Agent({
            ...common,
            ...(ca === undefined ? {} : { ca }),
            ...(certificate === undefined ? {} : { cert: certificate }),
            ...(key === undefined ? {} : { key }),
            ...(tlsServerName === undefined ? {} : { servername: tlsServerName }),
            rejectUnauthorized: !insecure,
          });
    this.pool = { credentials, agent };
    return agent;
  }

  /** Whatever is not an answer of the server, and not our own error, is `noAnswer`. */
  private explained(error: unknown, { method, path }: Call, timedOut: boolean): unknown {
    if (!(error instanceof Error) || error.name.startsWith("Kube")) return error;
    const { server, source } = this.connection;
    return new KubernetesError(
      "noAnswer",
      `${method} ${path}: no answer from ${server.origin} (${source}): ${timedOut ? "time limit" : error.message}`,
      undefined,
      error,
    );
  }
}

/** Reads an answer to its end. */
export async function readAll(response: http.IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of response.setEncoding("utf8")) text += chunk as string;
  return text;
}

/** Gives an answer line by line as it arrives. */
export async function* readLines(response: http.IncomingMessage): AsyncGenerator<string> {
  let rest = "";
  for await (const chunk of response.setEncoding("utf8")) {
    const parts = (rest + (chunk as string)).split("\n");
    rest = parts.pop() ?? "";
    yield* parts.filter((part) => part !== "");
  }
}

async function refuseFailure(call: Call, response: http.IncomingMessage): Promise<void> {
  const status = response.statusCode ?? 0;
  if (status < 400) return;
  const why = statusMessage(await readAll(response)) || (response.statusMessage ?? "");
  throw new KubernetesError(
    failureOfStatus(status),
    `${call.method} ${call.path}: ${String(status)} ${why}`,
    status,
  );
}

/** The API server explains itself in a `Status` object; a pod behind the proxy in plain text. */
function statusMessage(body: string): string {
  try {
    const { message } = JSON.parse(body) as { message?: unknown };
    if (typeof message === "string") return message;
  } catch {
    // No JSON: the text itself is the explanation.
  }
  return body.slice(0, 200).trim();
}
