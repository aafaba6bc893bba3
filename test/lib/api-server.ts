import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer as createHttpServer } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo } from "node:net";

/** An object as it is stored. */
interface StoredObject {
  metadata: { name: string; namespace?: string; resourceVersion?: string } & Record<
    string,
    unknown
  >;
  [field: string]: unknown;
}

/** What a request is answered with instead of the usual. */
type Interception = { status: number; message?: string } | "cut" | "hang";

/** A request as it came in. */
interface RecordedRequest {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: IncomingMessage["headers"];
  body: unknown;
}

/** Answers a request to a pod's port. */
type PodHandler = (request: RecordedRequest) => { status: number; body: string };

/**
 * A small Kubernetes API server on loopback: objects in memory, lists in pages, merge patches, watches, the pod
 * proxy, SelfSubjectReview. It speaks the real protocol over real sockets, and can be told to fail.
 */
export interface TestApiServer {
  url: string;
  requests: RecordedRequest[];
  /** User by bearer token; empty = everybody is `system:anonymous`. */
  users: Map<string, string>;
  /** Pod handlers by `<namespace>/<pod>:<port>`. */
  pods: Map<string, PodHandler>;
  /** Decides about each request before anything else. */
  intercept: (request: RecordedRequest) => Interception | undefined;
  /** Reads an object by its path. */
  read(path: string): StoredObject | undefined;
  /** Stores an object, as `kubectl apply` would. */
  write(path: string, object: StoredObject): void;
  remove(path: string): void;
  /** Sends a line to every open watch. */
  sendToWatches(line: object): void;
  openWatches(): number;
  close(): Promise<void>;
}

interface Watch {
  collection: string;
  name: string | undefined;
  response: ServerResponse;
}

/** @param tls PEM certificate and key; without them the server speaks plain HTTP. */
export async function startApiServer(tls?: {
  cert: string;
  key: string;
  /** PEM of the authority that client certificates must be signed by. */
  clientCa?: string;
}): Promise<TestApiServer> {
  const objects = new Map<string, StoredObject>();
  const watches = new Set<Watch>();
  let version = 100;

  const notify = (type: string, path: string, object: StoredObject) => {
    const collection = path.slice(0, path.lastIndexOf("/"));
    for (const watch of watches) {
      if (watch.collection !== collection) continue;
      if (watch.name !== undefined && watch.name !== object.metadata.name) continue;
      watch.response.write(`${JSON.stringify({ type, object })}\n`);
    }
  };

  const server: TestApiServer = {
    url: "",
    requests: [],
    users: new Map(),
    pods: new Map(),
    intercept: () => undefined,
    read: (path) => objects.get(path),
    write(path, object) {
      const known = objects.has(path);
      version += 1;
      const metadata = { ...object.metadata, resourceVersion: String(version) };
      const stored = { ...object, metadata };
      objects.set(path, stored);
      notify(known ? "MODIFIED" : "ADDED", path, stored);
    },
    remove(path) {
      const known = objects.get(path);
      objects.delete(path);
      if (known) notify("DELETED", path, known);
    },
    sendToWatches(line) {
      for (const { response } of watches) response.write(`${JSON.stringify(line)}\n`);
    },
    openWatches: () => watches.size,
    close() {
      return new Promise((done) => {
        listener.close(() => done());
        listener.closeAllConnections();
      });
    },
  };

  const send = (response: ServerResponse, status: number, body: object | string) => {
    const text = typeof body === "string" ? body : JSON.stringify(body);
    response.writeHead(status, { "content-type": "application/json" }).end(text);
  };
  const fail = (response: ServerResponse, code: number, message: string) => {
    send(response, code, { kind: "Status", apiVersion: "v1", status: "Failure", message, code });
  };

  const watch = (request: RecordedRequest, response: ServerResponse) => {
    const name = request.query.get("fieldSelector")?.replace("metadata.name=", "");
    const entry = { collection: request.path, name, response };
    response.writeHead(200, { "content-type": "application/json" }).flushHeaders();
    watches.add(entry);
    response.on("close", () => watches.delete(entry));
    const since = Number(request.query.get("resourceVersion") ?? 0);
    for (const [path, object] of objects) {
      if (path.slice(0, path.lastIndexOf("/")) !== request.path) continue;
      if (name !== undefined && name !== object.metadata.name) continue;
      if (Number(object.metadata.resourceVersion) <= since) continue;
      response.write(`${JSON.stringify({ type: since === 0 ? "ADDED" : "MODIFIED", object })}\n`);
    }
    setTimeout(() => response.end(), Number(request.query.get("timeoutSeconds")) * 1000).unref();
  };

  const list = (request: RecordedRequest, response: ServerResponse) => {
    const selector = request.query.get("labelSelector")?.split(",") ?? [];
    const items = [...objects.entries()]
      .filter(([path]) => path.slice(0, path.lastIndexOf("/")) === request.path)
      .map(([, object]) => object)
      .filter(({ metadata }) => {
        const labels = (metadata["labels"] ?? {}) as Record<string, string>;
        return selector.every((pair) => labels[pair.split("=")[0] ?? ""] === pair.split("=")[1]);
      });
    const from = Number(request.query.get("continue") ?? 0);
    const to = from + Number(request.query.get("limit") ?? items.length);
    const next = to < items.length ? { continue: String(to) } : {};
    const metadata = { resourceVersion: String(version), ...next };
    send(response, 200, { metadata, items: items.slice(from, to) });
  };

  const answer = (request: RecordedRequest, user: string, response: ServerResponse) => {
    const { method, path, query, body } = request;
    const proxied = /^\/api\/v1\/namespaces\/([^/]+)\/pods\/([^/]+)\/proxy(\/.*)$/.exec(path);
    if (proxied) {
      const handler = server.pods.get(`${proxied[1] ?? ""}/${proxied[2] ?? ""}`);
      if (!handler) return fail(response, 503, "error trying to reach service: connection refused");
      // The API server keeps the caller's credentials to itself.
      const headers = { ...request.headers, authorization: undefined };
      const result = handler({ ...request, headers, path: proxied[3] ?? "" });
      return send(response, result.status, result.body);
    }
    if (path === "/apis/authentication.k8s.io/v1/selfsubjectreviews") {
      return send(response, 201, { status: { userInfo: { username: user } } });
    }
    const object = objects.get(path);
    if (method === "POST") {
      const created = body as StoredObject;
      const target = `${path}/${created.metadata.name}`;
      if (objects.has(target)) return fail(response, 409, `${target} already exists`);
      server.write(target, created);
      return send(response, 201, objects.get(target) ?? {});
    }
    if (method === "GET" && query.get("watch") === "true") return watch(request, response);
    if (method === "GET" && path.split("/").length === (path.startsWith("/apis/") ? 7 : 6)) {
      return list(request, response);
    }
    if (!object) return fail(response, 404, `"${path}" not found`);
    if (method === "PUT") {
      const replacement = body as StoredObject;
      const { resourceVersion } = replacement.metadata;
      if (resourceVersion !== object.metadata.resourceVersion) {
        return fail(response, 409, "the object has been modified");
      }
      server.write(path, replacement);
      return send(response, 200, objects.get(path) ?? {});
    }
    if (method === "PATCH") {
      const patched = mergePatch(object, body) as StoredObject;
      if (query.get("dryRun") !== "All") server.write(path, patched);
      return send(response, 200, objects.get(path) ?? {});
    }
    return send(response, 200, object);
  };

  const handle = (incoming: IncomingMessage, response: ServerResponse) => {
    let text = "";
    incoming.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
    incoming.on("end", () => {
      const url = new URL(incoming.url ?? "/", "http://localhost");
      const request: RecordedRequest = {
        method: incoming.method ?? "",
        path: url.pathname,
        query: url.searchParams,
        headers: incoming.headers,
        body: text === "" ? undefined : (JSON.parse(text) as unknown),
      };
      server.requests.push(request);
      const interception = server.intercept(request);
      if (interception === "hang") return;
      if (interception === "cut") return void incoming.socket.destroy();
      if (interception) return fail(response, interception.status, interception.message ?? "");
      const token = incoming.headers.authorization?.replace("Bearer ", "") ?? "";
      const user = server.users.size === 0 ? "system:anonymous" : server.users.get(token);
      if (user === undefined) return fail(response, 401, "Unauthorized");
      try {
        answer(request, user, response);
      } catch (error) {
        fail(response, 500, String(error));
      }
    });
  };

  const listener = tls
    ? createHttpsServer(
        {
          cert: tls.cert,
          key: tls.key,
          ...(tls.clientCa ? { ca: tls.clientCa, requestCert: true } : {}),
        },
        handle,
      )
    : createHttpServer(handle);
  await new Promise<void>((done) => listener.listen(0, "127.0.0.1", done));
  const { port } = listener.address() as AddressInfo;
  server.url = `${tls ? "https" : "http"}://127.0.0.1:${String(port)}`;
  return server;
}

/** RFC 7386, section 2. */
function mergePatch(target: unknown, patch: unknown): unknown {
  if (typeof patch !== "object" || patch === null || Array.isArray(patch)) return patch;
  const result: Record<string, unknown> =
    typeof target === "object" && target !== null && !Array.isArray(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = mergePatch(result[key], value);
  }
  return result;
}
