import * as http from "node:http";

interface StoredConfigMap {
  metadata: { name: string; namespace: string; resourceVersion: string };
  data?: Record<string, string>;
}

/**
 * The least of the Kubernetes API that an agent meets: get and watch of ConfigMaps by name, with resource versions,
 * bookmarks and 410, and the ways in which a real server fails.
 */
export class ApiServer {
  /** Answers every request with this status; 0 = normal operation. */
  failWith = 0;
  /** Takes requests and never answers. */
  silent = false;
  /** Watches that begin before this version get 410. */
  oldestVersion = 0;
  /** Requests by kind. */
  readonly seen = { get: 0, watch: 0, expired: 0 };
  /** `authorization` of the last request. */
  lastAuthorization: string | undefined;
  private readonly objects = new Map<string, StoredConfigMap>();
  private readonly history: { version: number; name: string; event: string }[] = [];
  private readonly watchers = new Set<{ name: string; response: http.ServerResponse }>();
  private version = 100;
  private server: http.Server | undefined;
  private readonly port: number;

  constructor(port: number) {
    this.port = port;
  }

  get url(): URL {
    return new URL(`http://127.0.0.1:${this.port}`);
  }

  async start(): Promise<void> {
    const server = http.createServer((request, response) => this.answer(request, response));
    this.server = server;
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(this.port, "127.0.0.1", resolve);
    });
  }

  /** Goes away at once; objects are kept for the next start. */
  async stop(): Promise<void> {
    const { server } = this;
    if (server === undefined) return;
    this.server = undefined;
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
    this.watchers.clear();
  }

  /** Ends the watches that are open, as a server does now and then. */
  endWatches(): void {
    for (const { response } of this.watchers) response.end();
    this.watchers.clear();
  }

  /** Writes an object. @returns its new resource version */
  put(name: string, data?: Record<string, string>): string {
    const resourceVersion = String((this.version += 1));
    const type = this.objects.has(name) ? "MODIFIED" : "ADDED";
    const object: StoredConfigMap = {
      metadata: { name, namespace: "test", resourceVersion },
      ...(data === undefined ? {} : { data }),
    };
    this.objects.set(name, object);
    this.send(name, type, object);
    return resourceVersion;
  }

  /** Changes single keys; null removes one. @returns the new resource version */
  patch(name: string, changes: Readonly<Record<string, string | null>>): string {
    const data = { ...this.objects.get(name)?.data };
    for (const [key, value] of Object.entries(changes)) {
      if (value === null) delete data[key];
      else data[key] = value;
    }
    return this.put(name, data);
  }

  remove(name: string): void {
    const object = this.objects.get(name);
    if (object === undefined) return;
    this.objects.delete(name);
    const resourceVersion = String((this.version += 1));
    this.send(name, "DELETED", { ...object, metadata: { ...object.metadata, resourceVersion } });
  }

  private send(name: string, type: string, object: StoredConfigMap): void {
    const event = `${JSON.stringify({ type, object })}\n`;
    this.history.push({ version: this.version, name, event });
    if (this.silent) return;
    for (const watcher of this.watchers) if (watcher.name === name) watcher.response.write(event);
  }

  private answer(request: http.IncomingMessage, response: http.ServerResponse): void {
    this.lastAuthorization = request.headers.authorization;
    if (this.silent) return;
    if (this.failWith !== 0) {
      fail(response, this.failWith);
      return;
    }
    const url = new URL(request.url ?? "/", this.url);
    const prefix = "/api/v1/namespaces/test/configmaps";
    if (url.pathname === prefix && url.searchParams.get("watch") === "true") {
      this.watch(url, response);
      return;
    }
    this.seen.get += 1;
    const object = this.objects.get(url.pathname.slice(prefix.length + 1));
    if (object === undefined) fail(response, 404);
    else {
      response.writeHead(200, { "content-type": "application/json" });
      response.end(JSON.stringify(object));
    }
  }

  private watch(url: URL, response: http.ServerResponse): void {
    this.seen.watch += 1;
    const name = url.searchParams.get("fieldSelector")?.replace("metadata.name=", "") ?? "";
    const since = url.searchParams.get("resourceVersion");
    response.writeHead(200, { "content-type": "application/json" });
    if (since === null) {
      const object = this.objects.get(name);
      if (object !== undefined) response.write(`${JSON.stringify({ type: "ADDED", object })}\n`);
    } else if (Number(since) < this.oldestVersion) {
      this.seen.expired += 1;
      const object = { kind: "Status", code: 410, message: "too old resource version" };
      response.end(`${JSON.stringify({ type: "ERROR", object })}\n`);
      return;
    } else {
      for (const past of this.history) {
        if (past.name === name && past.version > Number(since)) response.write(past.event);
      }
    }
    const watcher = { name, response };
    this.watchers.add(watcher);
    response.on("close", () => this.watchers.delete(watcher));
  }
}

function fail(response: http.ServerResponse, status: number): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify({ kind: "Status", code: status, message: `status ${status}` }));
}
