import { z } from "zod";

/** What people read about one configuration key. */
export interface KeyInfo {
  /** What the key means, with its unit. */
  readonly description: string;
  /** Values that are accepted, as the end of a sentence that begins "must be". */
  readonly allowed: string;
  /** A value for the command that sets the key; absent: the command asks for it, so that it stays out of the shell. */
  readonly example?: string;
  /** Command that makes a value; it is piped into the one that sets the key, so that the value is in no argument. */
  readonly madeBy?: string;
  /** What it means that the key is not set, where it has no default; absent: it must be set. */
  readonly absent?: string;
  /** Default of a key whose default depends on another key: the usual one, and the one that is in force elsewhere. */
  readonly dependentDefault?: {
    readonly usual: unknown;
    readonly other?: { readonly value: unknown; readonly where: string };
  };
  /** How its value is kept: `required` = it must be set with --secret; `possible` = it may be; neither is ever shown. */
  readonly secret?: "required" | "possible";
}

/** The description of every leaf of the schema. */
export const keyInfo = z.registry<KeyInfo>();

/**
 * Describes a leaf of the schema.
 *
 * @throws TypeError when the schema was described before: the second description would silently replace the first
 */
export function key<Schema extends z.ZodType>(schema: Schema, info: KeyInfo): Schema {
  if (keyInfo.has(schema)) throw new TypeError(`Described twice: ${info.description}`);
  keyInfo.add(schema, info);
  return schema;
}
