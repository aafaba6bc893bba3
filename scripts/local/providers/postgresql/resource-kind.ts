import type { PropertyMap, PropertyValue } from "../lib/properties.ts";
import type { Created } from "../lib/resource-provider.ts";
import type { DatabaseServer } from "./server.ts";

/** What there is to know about one type of resource. Inputs arrive without secret marks. */
export interface ResourceKind {
  /** Inputs that must be given. */
  required: readonly string[];
  /** Inputs whose change makes a new resource. */
  replacedBy: readonly string[];
  /** Inputs whose order means nothing. */
  sets?: readonly string[];
  /** The resource may be given a name (input `name`) by the provider. */
  autonamed?: boolean;
  /** What is wrong with inputs that are all known, as `[input, reason]`. */
  check?(inputs: PropertyMap): [property: string, reason: string][];
  create(server: DatabaseServer, inputs: PropertyMap): Promise<Created>;
  /** Returns the new outputs. */
  update(
    server: DatabaseServer,
    id: string,
    oldInputs: PropertyMap,
    newInputs: PropertyMap,
  ): Promise<PropertyMap>;
  /** The inputs as they are on the server now, or undefined if it is gone. `inputs` is empty at import. */
  read(server: DatabaseServer, id: string, inputs: PropertyMap): Promise<PropertyMap | undefined>;
  delete(server: DatabaseServer, id: string, inputs: PropertyMap): Promise<void>;
}

/** Text of an input, or undefined. */
export function text(inputs: PropertyMap, name: string): string | undefined {
  const value = inputs[name];
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** Texts of a list, or none. */
export function texts(inputs: PropertyMap, name: string): string[] {
  const value = inputs[name];
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}

/** Truth of an input, or the default. */
export function flag(inputs: PropertyMap, name: string, fallback = false): boolean {
  const value = inputs[name];
  return typeof value === "boolean" ? value : fallback;
}

/** Number of an input, or the default. */
export function integer(inputs: PropertyMap, name: string, fallback: number): number {
  const value = inputs[name];
  return typeof value === "number" ? value : fallback;
}

/** True if two lists hold the same items in whatever order. */
export function sameItems(one: PropertyValue | undefined, other: PropertyValue | undefined) {
  const key = (value: PropertyValue | undefined) =>
    JSON.stringify(Array.isArray(value) ? value.map((item) => JSON.stringify(item)).sort() : value);
  return key(one) === key(other);
}
