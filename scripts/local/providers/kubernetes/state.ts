import { randomBytes } from "node:crypto";

import { isObject, markLike, type PropertyMap } from "../lib/properties.ts";
import { secretContent } from "./inputs.ts";
import { annotation, omit, pluck, pluckText } from "./objects.ts";

// Keys of the official provider's state, so that a stack can go over to it.
const inputsKey = "__inputs";
const initialApiVersionKey = "__initialApiVersion";
const fieldManagerKey = "__fieldManager";

/** State of an object: what the server holds, what the program declared, and in whose name it was written. */
export function objectState(
  inputs: PropertyMap,
  live: PropertyMap,
  fieldManager: string,
  oldState: PropertyMap = {},
): PropertyMap {
  const metadata = pluck(live, "metadata");
  // Who owns which field is asked of the server when it matters; in the state it would be the largest part.
  const kept = isObject(metadata) ? omit(metadata, "managedFields") : {};
  return {
    ...secretContent(markLike({ ...live, metadata: kept }, inputs)),
    [inputsKey]: inputs,
    [initialApiVersionKey]: oldState[initialApiVersionKey] ?? pluckText(inputs, "apiVersion") ?? "",
    [fieldManagerKey]: fieldManager,
  };
}

/** What the program declared when the state was written. */
export function declaredInputs(state: PropertyMap): PropertyMap | undefined {
  const inputs = state[inputsKey];
  return isObject(inputs) ? inputs : undefined;
}

/**
 * In whose name an object's fields are written: each resource has a writer of its own, so that two resources (or two
 * stacks) never take each other's fields away.
 */
export function fieldManagerOf(object: PropertyMap, state: PropertyMap): string {
  return (
    annotation(object, "pulumi.com/patchFieldManager") ??
    pluckText(state, fieldManagerKey) ??
    `pulumi-kubernetes-${randomBytes(4).toString("hex")}`
  );
}
