import { once } from "node:events";
import { createServer, type Server } from "node:http";

/** A plain static HTTP server: it knows no session and no operation. */
export class StaticServer {
  readonly #files: Readonly<Record<string, string>>;
  #server: Server | undefined;

  constructor(files: Readonly<Record<string, string>>) {
    this.#files = files;
  }

  /** Listens on 127.0.0.1. */
  async start(port: number): Promise<void> {
    this.#server = createServer((request, response) => {
      const text = this.#files[request.url ?? "/"];
      response.writeHead(text === undefined ? 404 : 200, { "content-type": "text/plain" });
      response.end(text ?? "not found\n");
    });
    this.#server.listen(port, "127.0.0.1");
    await once(this.#server, "listening");
  }

  stop(): void {
    this.#server?.close();
    this.#server?.closeAllConnections();
  }
}
