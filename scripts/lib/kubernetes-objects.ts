/** A kind of object as the API's paths name it. */
export interface ResourceKind {
  /** `v1` for the core group, else `<group>/<version>`. */
  apiVersion: string;
  /** Lower-case plural, e.g. `configmaps`. */
  plural: string;
}

/** The kinds that this project reads or writes by hand. */
export const resources = {
  configMaps: { apiVersion: "v1", plural: "configmaps" },
  secrets: { apiVersion: "v1", plural: "secrets" },
  pods: { apiVersion: "v1", plural: "pods" },
  deployments: { apiVersion: "apps/v1", plural: "deployments" },
  endpointSlices: { apiVersion: "discovery.k8s.io/v1", plural: "endpointslices" },
  namespaces: { apiVersion: "v1", plural: "namespaces" },
  events: { apiVersion: "v1", plural: "events" },
  leases: { apiVersion: "coordination.k8s.io/v1", plural: "leases" },
} as const satisfies Record<string, ResourceKind>;

/** Metadata that every object has. */
interface ObjectMetadata {
  name: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  creationTimestamp?: string;
  deletionTimestamp?: string;
}

/** The least that is known of any object; callers add the fields they read. */
export interface KubernetesObject {
  metadata: ObjectMetadata;
}

/** A ConfigMap; `data` is absent where nothing was ever written. */
export interface ConfigMap extends KubernetesObject {
  data?: Record<string, string>;
}

/** A list, with the resource version from which a watch continues it. */
export interface KubernetesList<T> {
  metadata: {
    resourceVersion: string;
    /** Asks for what follows; absent or empty where the list is complete. */
    continue?: string;
  };
  items: T[];
}

/** One event of a watch. A `BOOKMARK` carries nothing but a newer resource version to continue from. */
export interface WatchEvent<T> {
  type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK";
  object: T;
}

/** Stands in the place of a namespace for kinds that belong to the whole cluster. */
export const clusterWide = undefined;

/** Path of an object, or of the collection where no name is given. */
export function objectPath(
  kind: ResourceKind,
  namespace: string | typeof clusterWide,
  name?: string,
): string {
  const root = kind.apiVersion.includes("/") ? "/apis" : "/api";
  const place = namespace === clusterWide ? [] : ["namespaces", encodeURIComponent(namespace)];
  const parts = [kind.apiVersion, ...place, kind.plural];
  if (name !== undefined) parts.push(encodeURIComponent(name));
  return [root, ...parts].join("/");
}
