import { isObject, type PropertyMap, type PropertyValue } from "../lib/properties.ts";

/** Which object of the cluster is meant. */
export interface ObjectReference {
  apiVersion: string;
  kind: string;
  /** Absent for objects of the cluster itself. */
  namespace?: string;
  name: string;
}

/** A value for messages: text as it is, everything else as JSON. */
export function toText(value: PropertyValue | undefined): string {
  return typeof value === "string" ? value : JSON.stringify(value ?? "");
}

/** The object without one of its keys. */
export function omit(object: PropertyMap, key: string): PropertyMap {
  return Object.fromEntries(Object.entries(object).filter(([name]) => name !== key));
}

/** Value at a path of keys, or undefined. */
export function pluck(value: PropertyValue | undefined, ...keys: string[]) {
  return keys.reduce<PropertyValue | undefined>(
    (at, key) => (isObject(at) ? at[key] : undefined),
    value,
  );
}

/** Text at a path of keys, or undefined where there is none. */
export function pluckText(value: PropertyValue | undefined, ...keys: string[]): string | undefined {
  const found = pluck(value, ...keys);
  return typeof found === "string" && found !== "" ? found : undefined;
}

/** Number at a path of keys, or the default. */
export function pluckNumber(
  value: PropertyValue | undefined,
  keys: string[],
  fallback = 0,
): number {
  const found = pluck(value, ...keys);
  return typeof found === "number" ? found : fallback;
}

/** Objects of a list at a path of keys; empty where there is none. */
export function pluckObjects(value: PropertyValue | undefined, ...keys: string[]): PropertyMap[] {
  const found = pluck(value, ...keys);
  return Array.isArray(found) ? found.filter((item) => isObject(item)) : [];
}

/** The object with some metadata set; the given one stays as it is. */
export function withMetadata(object: PropertyMap, metadata: PropertyMap): PropertyMap {
  const old = object["metadata"];
  return { ...object, metadata: { ...(isObject(old) ? old : {}), ...metadata } };
}

/** Value of an annotation. */
export function annotation(object: PropertyMap, key: string): string | undefined {
  return pluckText(object, "metadata", "annotations", key);
}

/** The reference of a complete object. */
export function referenceOf(object: PropertyMap): ObjectReference {
  const namespace = pluckText(object, "metadata", "namespace");
  return {
    apiVersion: pluckText(object, "apiVersion") ?? "",
    kind: pluckText(object, "kind") ?? "",
    name: pluckText(object, "metadata", "name") ?? "",
    ...(namespace === undefined ? {} : { namespace }),
  };
}

/** The id of an object in the engine's state: `<namespace>/<name>`, or the name alone. */
export function objectId({ namespace, name }: ObjectReference): string {
  return namespace === undefined ? name : `${namespace}/${name}`;
}

/** Kind and name for messages: `Deployment pool-v2`. */
export function describe({ kind, name }: ObjectReference): string {
  return `${kind} ${name}`;
}

/**
 * The parts of a live object that the program declares: what else is in it belongs to the server and to other writers.
 */
export function prune(live: PropertyMap, declared: PropertyMap): PropertyMap {
  const pruneValue = (value: PropertyValue, like: PropertyValue): PropertyValue => {
    if (isObject(value) && isObject(like)) return prune(value, like);
    if (Array.isArray(value) && Array.isArray(like)) {
      return value.map((item, index) => {
        const likeItem = like[index];
        return likeItem === undefined ? item : pruneValue(item, likeItem);
      });
    }
    return value;
  };
  return Object.fromEntries(
    Object.entries(declared).flatMap(([key, like]) => {
      const value = live[key];
      return value === undefined ? [] : [[key, pruneValue(value, like)]];
    }),
  );
}

const serverFields = [
  "creationTimestamp",
  "deletionGracePeriodSeconds",
  "deletionTimestamp",
  "generation",
  "managedFields",
  "resourceVersion",
  "selfLink",
  "uid",
];

/** A live object as a program could have declared it: for import. */
export function declarable(live: PropertyMap): PropertyMap {
  const rest = omit(live, "status");
  const metadata = rest["metadata"];
  if (!isObject(metadata)) return rest;
  const kept = Object.entries(metadata).filter(([key]) => !serverFields.includes(key));
  return { ...rest, metadata: Object.fromEntries(kept) };
}
