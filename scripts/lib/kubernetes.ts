import type { ClusterConnection } from "./cluster-connection.ts";
import { KubernetesError, failureOfStatus, isFailure } from "./kubernetes-error.ts";
import type { Call } from "./kubernetes-http.ts";
import { KubernetesHttp, readAll, readLines } from "./kubernetes-http.ts";
import type {
  KubernetesList,
  KubernetesObject,
  ResourceKind,
  WatchEvent,
} from "./kubernetes-objects.ts";
import type { clusterWide } from "./kubernetes-objects.ts";
import { objectPath, resources } from "./kubernetes-objects.ts";

/** Limits of a request. */
export interface RequestOptions {
  /** Ends the request; it then rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
  /** Time for the whole answer. Default 5,000. */
  timeoutMilliseconds?: number | undefined;
}

/** What one asks to be allowed to do. */
export interface Action {
  verb: string;
  /** API group; empty for the core group. */
  group: string;
  /** Lower-case plural, e.g. `configmaps`. */
  resource: string;
  subresource?: string | undefined;
  /** Absent: in the whole cluster. */
  namespace?: string | undefined;
}

/** What to watch and how long. */
export interface WatchOptions {
  /** Watch this object alone (allowed by roles that name it). */
  name?: string;
  /** Continue after this version; without it the watch begins with an ADDED for each object. */
  resourceVersion?: string;
  /** The server ends the watch after this time, 1 to 3600. Default 60. */
  timeoutSeconds?: number;
  /** Silence that is tolerated beyond `timeoutSeconds`. Default 5,000. */
  graceMilliseconds?: number;
  /** Ends the iteration without an error. */
  signal?: AbortSignal;
}

const defaultTimeoutMilliseconds = 5_000;

/**
 * A client for the few requests that the verbs and the agents make, on plain HTTPS.
 *
 * The generated client costs about 130 MiB resident and more than a second at import (measured on
 * Node 22): too much for a sidecar next to every proxy, and for a brake that is to hold within
 * three seconds of the key press.
 *
 * Every method rejects with KubernetesError, with KubeconfigError if the credentials cannot be had,
 * or with the reason of the caller's own signal.
 */
export class KubernetesClient {
  readonly connection: ClusterConnection;
  private readonly http: KubernetesHttp;

  constructor(connection: ClusterConnection) {
    this.connection = connection;
    this.http = new KubernetesHttp(connection);
  }

  /** Reads one object. */
  get<T extends KubernetesObject>(
    kind: ResourceKind,
    namespace: string | typeof clusterWide,
    name: string,
    options: RequestOptions = {},
  ): Promise<T> {
    return this.json({ method: "GET", path: objectPath(kind, namespace, name) }, options);
  }

  /** Lists the objects of a namespace that carry the labels (`a=b,c=d`). */
  list<T extends KubernetesObject>(
    kind: ResourceKind,
    namespace: string | typeof clusterWide,
    options: RequestOptions & { labelSelector?: string } = {},
  ): Promise<KubernetesList<T>> {
    const { labelSelector } = options;
    const path = objectPath(kind, namespace);
    return this.json({ method: "GET", path, query: { labelSelector } }, options);
  }

  /**
   * Lists the same page by page, for who keeps little of many large objects. All pages are of one state of the cluster.
   *
   * @param options `limit`: most objects of a page. The time limit is that of each page
   * @see https://kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks
   */
  async *listPages<T extends KubernetesObject>(
    kind: ResourceKind,
    namespace: string | typeof clusterWide,
    options: RequestOptions & { labelSelector?: string; limit: number },
  ): AsyncGenerator<T[], void, undefined> {
    const { labelSelector, limit } = options;
    const path = objectPath(kind, namespace);
    let next: string | undefined;
    do {
      const query = { labelSelector, limit: String(limit), continue: next };
      const page = await this.json<KubernetesList<T>>({ method: "GET", path, query }, options);
      yield page.items;
      next = page.metadata.continue;
    } while (next);
  }

  /** Creates an object. */
  create<T extends KubernetesObject>(
    kind: ResourceKind,
    namespace: string | typeof clusterWide,
    object: object,
    options: RequestOptions = {},
  ): Promise<T> {
    const body = { contentType: "application/json", content: object };
    return this.json({ method: "POST", path: objectPath(kind, namespace), body }, options);
  }

  /**
   * Deletes an object; one that is gone already counts as deleted.
   *
   * @param options `gracePeriodSeconds`: time for a pod to end by itself; without it the pod's own
   */
  async delete(
    kind: ResourceKind,
    namespace: string | typeof clusterWide,
    name: string,
    options: RequestOptions & { gracePeriodSeconds?: number } = {},
  ): Promise<void> {
    const { gracePeriodSeconds } = options;
    const content = { kind: "DeleteOptions", apiVersion: "v1", gracePeriodSeconds };
    const body = { contentType: "application/json", content };
    const call = { method: "DELETE", path: objectPath(kind, namespace, name), body } as const;
    await this.text(call, options).catch((error: unknown) => {
      if (!isFailure(error, "notFound")) throw error;
    });
  }

  /**
   * Writes an object as a whole. With its `resourceVersion` the server refuses (409, `conflict`) where somebody else
   * has written meanwhile.
   */
  replace<T extends KubernetesObject>(
    kind: ResourceKind,
    namespace: string,
    object: T,
    options: RequestOptions = {},
  ): Promise<T> {
    const path = objectPath(kind, namespace, object.metadata.name);
    const body = { contentType: "application/json", content: object };
    return this.json({ method: "PUT", path, body }, options);
  }

  /**
   * Changes the named fields and leaves the others alone (RFC 7386; `null` removes a key). With
   * `dryRun` the server checks and answers as usual but stores nothing.
   */
  mergePatch<T extends KubernetesObject>(
    kind: ResourceKind,
    namespace: string,
    name: string,
    patch: object,
    options: RequestOptions & { dryRun?: boolean } = {},
  ): Promise<T> {
    return this.json(
      {
        method: "PATCH",
        path: objectPath(kind, namespace, name),
        query: { dryRun: options.dryRun ? "All" : undefined },
        body: { contentType: "application/merge-patch+json", content: patch },
      },
      options,
    );
  }

  /**
   * Follows changes until the server ends the watch (after `timeoutSeconds`), the signal aborts it,
   * or the caller leaves the loop; then the iteration ends and the caller may begin the next one
   * from the last resource version. A dead connection rejects with `noAnswer`: the kernel's probes
   * find a peer that is gone within about 15 s, and a server that is silent past the watch's own
   * end is given up. A version that is no longer kept rejects with `expired`: read again.
   */
  watch<T extends KubernetesObject>(
    kind: ResourceKind,
    namespace: string,
    options: WatchOptions = {},
  ): AsyncGenerator<WatchEvent<T>, void, undefined> {
    const {
      name,
      resourceVersion,
      timeoutSeconds = 60,
      graceMilliseconds = 5_000,
      signal,
    } = options;
    const path = objectPath(kind, namespace);
    const query = {
      watch: "true",
      allowWatchBookmarks: "true",
      timeoutSeconds: String(timeoutSeconds),
      fieldSelector: name === undefined ? undefined : `metadata.name=${name}`,
      resourceVersion,
    };
    const silenceMilliseconds = timeoutSeconds * 1000 + graceMilliseconds;
    return this.http.stream(
      { method: "GET", path, query },
      { signal, silenceMilliseconds },
      async function* (response) {
        for await (const line of readLines(response)) yield parseEvent<T>(line, path);
      },
    );
  }

  /**
   * GET of a pod's HTTP port through the API server, as text. The server passes headers on except
   * `authorization`, so a pod's own token travels under another name. A status of 400 or more
   * that the pod itself answered is told apart from one of the API server only by its text.
   */
  podProxy(
    namespace: string,
    pod: string,
    port: number,
    path: string,
    options: RequestOptions & { headers?: Record<string, string> } = {},
  ): Promise<string> {
    const proxied = `${objectPath(resources.pods, namespace, pod)}:${String(port)}/proxy${path}`;
    return this.text({ method: "GET", path: proxied, headers: options.headers ?? {} }, options);
  }

  /**
   * The user name as the API server knows these credentials.
   * Source: https://kubernetes.io/docs/reference/access-authn-authz/authentication/#self-subject-review
   */
  async whoAmI(options: RequestOptions = {}): Promise<string> {
    const path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
    const content = { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" };
    const review = await this.json<{ status?: { userInfo?: { username?: string } } }>(
      { method: "POST", path, body: { contentType: "application/json", content } },
      options,
    );
    const username = review.status?.userInfo?.username;
    if (!username) throw new KubernetesError("invalid", `POST ${path} named no user`);
    return username;
  }

  /**
   * Whether the API server's authorizers allow these credentials an action.
   * Source: https://kubernetes.io/docs/reference/access-authn-authz/authorization/#checking-api-access
   */
  async mayI(action: Action, options: RequestOptions = {}): Promise<boolean> {
    const path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    const content = {
      apiVersion: "authorization.k8s.io/v1",
      kind: "SelfSubjectAccessReview",
      spec: { resourceAttributes: action },
    };
    const review = await this.json<{ status?: { allowed?: boolean } }>(
      { method: "POST", path, body: { contentType: "application/json", content } },
      options,
    );
    return review.status?.allowed === true;
  }

  /** Version of the API server, such as `v1.34.4`. */
  async version(options: RequestOptions = {}): Promise<string> {
    const { gitVersion } = await this.json<{ gitVersion: string }>(
      { method: "GET", path: "/version" },
      options,
    );
    return gitVersion;
  }

  /** Closes idle connections. */
  close(): void {
    this.http.close();
  }

  private async json<T>(call: Call, options: RequestOptions): Promise<T> {
    const text = await this.text(call, options);
    try {
      return JSON.parse(text) as T;
    } catch (error) {
      const message = `${call.method} ${call.path}: the answer is no JSON`;
      throw new KubernetesError("unavailable", message, undefined, error);
    }
  }

  private text(call: Call, options: RequestOptions): Promise<string> {
    const { signal, timeoutMilliseconds = defaultTimeoutMilliseconds } = options;
    return this.http.exchange(call, { signal, totalMilliseconds: timeoutMilliseconds }, readAll);
  }
}

function parseEvent<T>(line: string, path: string): WatchEvent<T> {
  const event = JSON.parse(line) as WatchEvent<T> | { type: "ERROR"; object: unknown };
  if (event.type !== "ERROR") return event;
  const { code = 500, message = "" } = event.object as { code?: number; message?: string };
  throw new KubernetesError(failureOfStatus(code), `watch of ${path}: ${message}`, code);
}
