import { isObject, type PropertyMap } from "../lib/properties.ts";
import { pluckObjects, toText } from "./objects.ts";

/**
 * Writers whose fields an update takes over, as the official provider does (await.go, fixCSAFieldManagers): kubectl in all
 * its forms, whether it applied or updated. Fields that it wrote and the program does not declare disappear with that
 * update, so whoever writes into an object of a stack by hand should give another manager (`--field-manager`).
 */
function isTakenOver(entry: PropertyMap): boolean {
  const manager = toText(entry["manager"]);
  if (entry["subresource"] !== undefined) return false;
  return (
    manager.startsWith("kubectl") ||
    (entry["operation"] === "Update" && manager.startsWith("before-first-apply"))
  );
}

/**
 * The JSON patch that moves the fields of kubectl to this manager, or undefined if there are none.
 * Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/#transferring-ownership
 */
export function takeOverPatch(live: PropertyMap, fieldManager: string): object[] | undefined {
  const entries = pluckObjects(live, "metadata", "managedFields");
  const isOwn = ({ manager, operation }: PropertyMap) =>
    manager === fieldManager && operation === "Apply";
  const taken = entries.filter((entry) => !isOwn(entry) && isTakenOver(entry));
  const own = entries.find(isOwn) ?? taken[0];
  if (own === undefined || taken.length === 0) return undefined;
  const fields = [own, ...taken].map(({ fieldsV1 }) => (isObject(fieldsV1) ? fieldsV1 : {}));
  const merged = {
    ...own,
    manager: fieldManager,
    operation: "Apply",
    fieldsV1: fields.reduce(mergeFields, {}),
  };
  const others = entries.filter((entry) => !taken.includes(entry) && !isOwn(entry));
  return [{ op: "replace", path: "/metadata/managedFields", value: [...others, merged] }];
}

/** Union of two sets of fields in the nested form of `fieldsV1`. */
function mergeFields(one: PropertyMap, other: PropertyMap): PropertyMap {
  const merged = { ...one };
  for (const [key, value] of Object.entries(other)) {
    const known = merged[key];
    merged[key] = isObject(known) && isObject(value) ? mergeFields(known, value) : value;
  }
  return merged;
}
