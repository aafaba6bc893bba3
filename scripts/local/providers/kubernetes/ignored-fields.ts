import { isObject, type PropertyMap, type PropertyValue } from "../lib/properties.ts";
import { omit, pluck, pluckObjects } from "./objects.ts";

/**
 * What an update sends for the fields that the resource option `ignoreChanges` names, as the official provider does
 * (await.go, handleSSAIgnoreFields): a field that belongs to other writers alone is left out; any other is sent as it
 * is in the cluster, because a field that its only owner stops sending falls back to its default.
 *
 * @param ignored paths of keys, such as `spec.replicas`
 */
export function keepIgnoredFields(
  object: PropertyMap,
  live: PropertyMap,
  fieldManager: string,
  ignored: readonly string[],
): PropertyMap {
  const entries = pluckObjects(live, "metadata", "managedFields");
  return ignored.reduce((sent, path) => {
    const keys = path.split(".");
    const fields = keys.map((key) => `f:${key}`);
    const owners = entries.filter(({ fieldsV1 }) => pluck(fieldsV1, ...fields) !== undefined);
    const isOurs = owners.some(({ manager }) => manager === fieldManager);
    if (owners.length > 0 && !isOurs) return withValue(sent, keys, undefined);
    const value = pluck(live, ...keys);
    return value === undefined ? sent : withValue(sent, keys, value);
  }, object);
}

/** The object with another value at a path of keys, or without one. */
function withValue(
  object: PropertyMap,
  [key = "", ...rest]: string[],
  value: PropertyValue | undefined,
): PropertyMap {
  if (rest.length === 0) {
    return value === undefined ? omit(object, key) : { ...object, [key]: value };
  }
  const inner = object[key];
  if (!isObject(inner) && value === undefined) return object;
  return { ...object, [key]: withValue(isObject(inner) ? inner : {}, rest, value) };
}
