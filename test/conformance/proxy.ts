import { once } from "node:events";
import * as http from "node:http";
import type { AddressInfo } from "node:net";

/** A request and, once the pool has answered, its answer; both may be changed. */
export interface Exchange {
  readonly method: string;
  path: string;
  headers: http.IncomingHttpHeaders;
  requestBody: string;
  status: number;
  answerHeaders: http.IncomingHttpHeaders;
  answerBody: string;
}

/** What a proxy changes. */
export interface Change {
  /** Before the request reaches the pool; true = it is answered here and never does. */
  before?(exchange: Exchange): boolean | undefined;
  /** Before the answer reaches the caller. */
  after?(exchange: Exchange): void;
}

/** A proxy on loopback. */
export interface Proxy {
  readonly url: string;
  stop(): void;
}

/** Starts a proxy in front of a server that changes what it is told to, and nothing else. */
export async function startProxy(upstream: string, change: Change): Promise<Proxy> {
  const agent = new http.Agent({ keepAlive: true });
  const server = http.createServer((request, response) => {
    void serve(request, response).catch(() => response.destroy());
  });
  async function serve(request: http.IncomingMessage, response: http.ServerResponse) {
    const exchange: Exchange = {
      method: request.method ?? "GET",
      path: request.url ?? "/",
      headers: { ...request.headers },
      requestBody: await textOf(request),
      status: 0,
      answerHeaders: {},
      answerBody: "",
    };
    if (!change.before?.(exchange)) await forward(upstream, agent, exchange);
    change.after?.(exchange);
    const headers = without(exchange.answerHeaders, "transfer-encoding");
    const body = Buffer.from(exchange.answerBody);
    response.writeHead(exchange.status, {
      ...headers,
      ...(exchange.status === 204 ? {} : { "content-length": body.length }),
    });
    response.end(body);
  }
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop() {
      agent.destroy();
      server.close();
      server.closeAllConnections();
    },
  };
}

function without(
  headers: http.IncomingHttpHeaders,
  ...names: readonly string[]
): http.IncomingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !names.includes(name)));
}

async function forward(upstream: string, agent: http.Agent, exchange: Exchange): Promise<void> {
  const { method, path, headers, requestBody } = exchange;
  const body = Buffer.from(requestBody);
  const passed = without(headers, "connection", "transfer-encoding");
  const request = http.request(`${upstream}${path}`, {
    method,
    agent,
    headers: { ...passed, "content-length": body.length },
  });
  request.end(body);
  const [answer] = (await once(request, "response")) as [http.IncomingMessage];
  exchange.status = answer.statusCode ?? 0;
  exchange.answerHeaders = answer.headers;
  exchange.answerBody = await textOf(answer);
}

async function textOf(stream: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}
