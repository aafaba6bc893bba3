import { setTimeout as sleep } from "node:timers/promises";

import type { ClusterConnection } from "../../../lib/cluster-connection.ts";
import { isFailure, KubernetesError } from "../../../lib/kubernetes-error.ts";
import { KubernetesHttp, readAll, readLines } from "../../../lib/kubernetes-http.ts";
import type { PropertyMap } from "../lib/properties.ts";
import { pluckObjects, pluckText, toText, type ObjectReference } from "./objects.ts";

/** How to apply an object. */
export interface ApplyOptions {
  /** Writer in whose name fields are owned (server-side apply). */
  fieldManager: string;
  /** Take over fields that another writer owns, instead of failing with a conflict. */
  force: boolean;
  /** Let the server compute the result without storing it. */
  dryRun: boolean;
  signal: AbortSignal;
}

interface Collection {
  plural: string;
  namespaced: boolean;
}

const answerMilliseconds = 30_000;
const reconnectMilliseconds = 500;

/** The few requests of the provider to an API server, for objects of any kind. */
export class Cluster {
  readonly connection: ClusterConnection;
  private readonly http: KubernetesHttp;
  private readonly groups = new Map<string, Promise<Map<string, Collection>>>();

  constructor(connection: ClusterConnection) {
    this.connection = connection;
    this.http = new KubernetesHttp(connection);
  }

  /** True if objects of the kind live in a namespace. @throws if the server does not know the kind. */
  async isNamespaced(apiVersion: string, kind: string): Promise<boolean> {
    return (await this.collection(apiVersion, kind)).namespaced;
  }

  /** The object, or undefined if it is not there. */
  async get(reference: ObjectReference, signal?: AbortSignal): Promise<PropertyMap | undefined> {
    try {
      return await this.json({ method: "GET", path: await this.path(reference) }, signal);
    } catch (error) {
      if (isFailure(error, "notFound")) return undefined;
      throw error;
    }
  }

  /** Server-side apply: creates the object or changes the fields that this manager owns. */
  async apply(reference: ObjectReference, object: PropertyMap, options: ApplyOptions) {
    return this.json(
      {
        method: "PATCH",
        path: await this.path(reference),
        query: {
          fieldManager: options.fieldManager,
          force: String(options.force),
          fieldValidation: "Strict",
          dryRun: options.dryRun ? "All" : undefined,
        },
        body: { contentType: "application/apply-patch+yaml", content: object },
      },
      options.signal,
    );
  }

  /** Changes single values (RFC 6902). */
  async jsonPatch(reference: ObjectReference, operations: object[], signal: AbortSignal) {
    return this.json(
      {
        method: "PATCH",
        path: await this.path(reference),
        body: { contentType: "application/json-patch+json", content: operations },
      },
      signal,
    );
  }

  /** Asks for deletion after everything that belongs to the object; false if it is already gone. */
  async delete(reference: ObjectReference, signal: AbortSignal): Promise<boolean> {
    try {
      await this.json(
        {
          method: "DELETE",
          path: await this.path(reference),
          query: { propagationPolicy: "Foreground" },
        },
        signal,
      );
      return true;
    } catch (error) {
      if (isFailure(error, "notFound")) return false;
      throw error;
    }
  }

  /** Objects of a namespace that carry the labels. */
  async list(
    apiVersion: string,
    kind: string,
    namespace: string,
    labels: Record<string, string>,
    signal: AbortSignal,
  ): Promise<PropertyMap[]> {
    const path = await this.collectionPath(apiVersion, kind, namespace);
    const query = { labelSelector: formatLabels(labels) };
    return pluckObjects(await this.json({ method: "GET", path, query }, signal), "items");
  }

  /** The object now and after each change (undefined while it is not there), until the signal ends it. */
  observe(
    reference: ObjectReference,
    signal: AbortSignal,
  ): AsyncGenerator<PropertyMap | undefined> {
    const { apiVersion, kind, namespace, name } = reference;
    const query = { fieldSelector: `metadata.name=${name}` };
    const lists = this.observeQuery(apiVersion, kind, namespace, query, signal);
    return mapEach(lists, (objects) => objects[0]);
  }

  /** All objects of a namespace with the labels, now and after each change. */
  observeAll(
    apiVersion: string,
    kind: string,
    namespace: string,
    labels: Record<string, string>,
    signal: AbortSignal,
  ): AsyncGenerator<PropertyMap[]> {
    const query = { labelSelector: formatLabels(labels) };
    return this.observeQuery(apiVersion, kind, namespace, query, signal);
  }

  private async *observeQuery(
    apiVersion: string,
    kind: string,
    namespace: string | undefined,
    query: Record<string, string>,
    signal: AbortSignal,
  ): AsyncGenerator<PropertyMap[]> {
    const path = await this.collectionPath(apiVersion, kind, namespace);
    while (!signal.aborted) {
      try {
        const list = await this.json({ method: "GET", path, query }, signal);
        const objects = new Map<string, PropertyMap>(
          // Items of a list carry neither apiVersion nor kind.
          pluckObjects(list, "items").map((item) => [uid(item), { apiVersion, kind, ...item }]),
        );
        yield [...objects.values()];
        const resourceVersion = pluckText(list, "metadata", "resourceVersion");
        for await (const { type, object } of this.watch(
          path,
          { ...query, resourceVersion },
          signal,
        )) {
          if (type === "DELETED") objects.delete(uid(object));
          else objects.set(uid(object), object);
          yield [...objects.values()];
        }
      } catch (error) {
        // A server that restarts is no reason to give up what is being waited for; the caller's time limit is.
        const passing = ["noAnswer", "expired", "unavailable"] as const;
        if (signal.aborted || !passing.some((failure) => isFailure(error, failure))) throw error;
        await sleep(reconnectMilliseconds, undefined, { signal });
      }
    }
  }

  private watch(path: string, query: Record<string, string | undefined>, signal: AbortSignal) {
    const call = {
      method: "GET" as const,
      path,
      query: { ...query, watch: "true", timeoutSeconds: "60" },
    };
    const limits = { signal, silenceMilliseconds: 65_000 };
    return this.http.stream(call, limits, async function* (response) {
      for await (const line of readLines(response)) {
        const event = JSON.parse(line) as { type: string; object: PropertyMap };
        if (event.type === "ERROR") {
          // Too old a version, or the server ends: list anew.
          throw new KubernetesError("expired", pluckText(event.object, "message") ?? "watch ended");
        }
        yield event;
      }
    });
  }

  private async path(reference: ObjectReference): Promise<string> {
    const { apiVersion, kind, namespace, name } = reference;
    const collection = await this.collectionPath(apiVersion, kind, namespace);
    return `${collection}/${encodeURIComponent(name)}`;
  }

  private async collectionPath(apiVersion: string, kind: string, namespace: string | undefined) {
    const { plural, namespaced } = await this.collection(apiVersion, kind);
    const within = namespaced ? `/namespaces/${encodeURIComponent(namespace ?? "default")}` : "";
    return `${groupPath(apiVersion)}${within}/${plural}`;
  }

  private async collection(apiVersion: string, kind: string): Promise<Collection> {
    let group = this.groups.get(apiVersion);
    if (group === undefined) {
      group = this.discover(apiVersion);
      this.groups.set(apiVersion, group);
      // A server that was away is asked again the next time.
      group.catch(() => this.groups.delete(apiVersion));
    }
    const found = (await group).get(kind);
    if (found === undefined) {
      throw new Error(
        `The API server at ${this.connection.server.origin} serves no ${apiVersion} ${kind}.`,
      );
    }
    return found;
  }

  /** What a group and version serves: https://kubernetes.io/docs/concepts/overview/kubernetes-api/#discovery-api */
  private async discover(apiVersion: string): Promise<Map<string, Collection>> {
    const list = await this.json({ method: "GET", path: groupPath(apiVersion) }).catch(
      (error: unknown): PropertyMap => {
        if (isFailure(error, "notFound")) return {};
        throw error;
      },
    );
    return new Map(
      pluckObjects(list, "resources")
        .filter((resource) => !toText(resource["name"]).includes("/"))
        .map((resource) => [
          toText(resource["kind"]),
          { plural: toText(resource["name"]), namespaced: resource["namespaced"] === true },
        ]),
    );
  }

  private async json(
    call: Parameters<KubernetesHttp["exchange"]>[0],
    signal?: AbortSignal,
  ): Promise<PropertyMap> {
    const limits = { signal, totalMilliseconds: answerMilliseconds };
    return JSON.parse(await this.http.exchange(call, limits, readAll)) as PropertyMap;
  }
}

function groupPath(apiVersion: string): string {
  return apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
}

function formatLabels(labels: Record<string, string>): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(",");
}

function uid(object: PropertyMap): string {
  return pluckText(object, "metadata", "uid") ?? "";
}

async function* mapEach<A, B>(source: AsyncIterable<A>, map: (item: A) => B): AsyncGenerator<B> {
  for await (const item of source) yield map(item);
}
