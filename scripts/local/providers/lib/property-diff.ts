import { isObject, type PropertyMap, type PropertyValue } from "./properties.ts";

/** Where a property is: keys of objects and indices of arrays from the top of the resource. */
export type PropertyPath = readonly (string | number)[];

/** One difference between two versions of a resource's inputs. */
export interface PropertyChange {
  path: PropertyPath;
  kind: "add" | "delete" | "update";
}

/** Tells whether two different values at a path mean the same (for example quantities: `1000m` and `1`). */
export type SameMeaning = (
  path: PropertyPath,
  before: PropertyValue,
  after: PropertyValue,
) => boolean;

/** Every difference between two versions, as deep as both have the same shape. */
export function propertyChanges(
  before: PropertyMap,
  after: PropertyMap,
  sameMeaning: SameMeaning = () => false,
): PropertyChange[] {
  return [...compare([], before, after, sameMeaning)];
}

function* compare(
  path: PropertyPath,
  before: PropertyValue | undefined,
  after: PropertyValue | undefined,
  sameMeaning: SameMeaning,
): Generator<PropertyChange> {
  if (before === undefined || after === undefined) {
    if (before !== after) yield { path, kind: before === undefined ? "add" : "delete" };
  } else if (isObject(before) && isObject(after)) {
    for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
      yield* compare([...path, key], before[key], after[key], sameMeaning);
    }
  } else if (Array.isArray(before) && Array.isArray(after)) {
    for (let index = 0; index < Math.max(before.length, after.length); index++) {
      yield* compare([...path, index], before[index], after[index], sameMeaning);
    }
  } else if (before !== after && !sameMeaning(path, before, after)) {
    yield { path, kind: "update" };
  }
}

/** A path in the engine's notation, for example `spec.containers[0].image` or `metadata.labels["app.kubernetes.io/name"]`. */
export function formatPath(path: PropertyPath): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === "number") return `${text}[${String(part)}]`;
    if (/[."[\]]/.test(part)) return `${text}[${JSON.stringify(part)}]`;
    return text === "" ? part : `${text}.${part}`;
  }, "");
}
