import * as http from "node:http";

/** A small pool of one host for tests. */
export class Upstream {
  /** Status of the readiness path; 0 = the connection is cut. */
  readiness = 200;
  /** Status of everything else; 0 = the connection is cut. */
  status = 200;
  /** Time before an answer, milliseconds. */
  delay = 0;
  /** Requests other than health checks. */
  requests = 0;
  /** Headers of the last request other than a health check. */
  lastHeaders: http.IncomingHttpHeaders = {};
  private server: http.Server | undefined;
  readonly side: string;
  readonly port: number;

  constructor(side: string, port: number) {
    this.side = side;
    this.port = port;
  }

  /** Listens on 127.0.0.1, unless it does already. */
  async start(): Promise<void> {
    if (this.server !== undefined) return;
    const server = http.createServer((request, response) => this.answer(request, response));
    this.server = server;
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(this.port, "127.0.0.1", resolve);
    });
  }

  /** Stops like a process that was killed: connections are cut. */
  async stop(): Promise<void> {
    const { server } = this;
    if (server === undefined) return;
    this.server = undefined;
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  }

  private answer(request: http.IncomingMessage, response: http.ServerResponse): void {
    const isCheck = request.url === "/readyz";
    const status = isCheck ? this.readiness : this.status;
    if (!isCheck) {
      this.requests += 1;
      this.lastHeaders = request.headers;
    }
    request.resume();
    if (status === 0) {
      request.socket.destroy();
      return;
    }
    const finish = (): void => {
      response.writeHead(status, { "x-served-by": this.side, "content-length": 0 });
      response.end();
    };
    if (this.delay > 0 && !isCheck) setTimeout(finish, this.delay);
    else finish();
  }
}
