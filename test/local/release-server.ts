import { createHash } from "node:crypto";
import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** A publisher's release host on loopback: what it serves, by path, and what was asked of it. */
export interface ReleaseServer {
  /** Set as POOL_MIGRATION_RELEASES_URL, it stands in for every publisher. */
  readonly url: string;
  /** `GET <path>` or `GET <path> bytes=<from>-`, in order. */
  readonly requests: string[];
  /** Serves a file, with ranges, and its checksum at `<path>.sha256`. */
  publish(path: string, content: Buffer, checksum?: string): void;
  /** Serves a path by a function of the test's own. */
  handle(path: string, handler: Handler): void;
  close(): Promise<void>;
}

/** SHA-256 of a buffer, in hexadecimal. */
export function sha256(content: Buffer): string {
  return createHash("sha256").update(content).digest("hex");
}

/** Answers with a file, or the part of it that the request asks for. */
export function sendFile(
  request: IncomingMessage,
  response: ServerResponse,
  content: Buffer,
): void {
  const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
  if (from >= content.length && from > 0) {
    response.writeHead(416).end();
    return;
  }
  response.writeHead(from > 0 ? 206 : 200, { "content-length": content.length - from });
  response.end(content.subarray(from));
}

/** Starts a release server on a free port of loopback. */
export async function startReleaseServer(): Promise<ReleaseServer> {
  const handlers = new Map<string, Handler>();
  const requests: string[] = [];
  const server = createServer((request, response) => {
    const path = request.url ?? "";
    requests.push(["GET", path, request.headers.range].filter(Boolean).join(" "));
    const handler = handlers.get(path);
    if (handler) handler(request, response);
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    publish(path, content, checksum = `${sha256(content)}\n`) {
      handlers.set(path, (request, response) => sendFile(request, response, content));
      handlers.set(`${path}.sha256`, (_request, response) => response.end(checksum));
    },
    handle: (path, handler) => handlers.set(path, handler),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
