import { z } from "zod";

import { projectName } from "../rollout/names.ts";
import { keyInfo } from "./key-info.ts";
import type { KeyInfo } from "./key-info.ts";
import { sections } from "./schema.ts";

/** One configuration key: a leaf of the schema. */
export interface ConfigKey extends KeyInfo {
  /** Path in the namespace, for example `pool.port`; `[]` stands for any position, `*` for a free name. */
  readonly path: string;
  /** Value where nothing is set, in the usual case; undefined: there is none. */
  readonly defaultValue: unknown;
}

/** Every configuration key, in the order of the schema: the one list behind messages, Pulumi.yaml and reference. */
export const configKeys: readonly ConfigKey[] = Object.entries(sections).flatMap(([name, schema]) =>
  leavesOf(schema, name),
);

/** The key that a concrete path such as `["stages", 0, "name"]` leads to; undefined for a map or an unknown path. */
export function findKey(path: readonly PropertyKey[]): ConfigKey | undefined {
  const concrete = formatPath(path).replaceAll(/\[\d+\]/g, "[]");
  return configKeys.find(({ path: pattern }) =>
    pattern.endsWith(".*")
      ? path.length === pattern.split(".").length && concrete.startsWith(pattern.slice(0, -2))
      : concrete === pattern,
  );
}

/** A path as `pulumi config --path` writes it, without the namespace: `stages[0].name`. */
export function formatPath(path: readonly PropertyKey[]): string {
  return path
    .map((part, index) => {
      if (typeof part === "number") return `[${part}]`;
      const name = String(part);
      if (!/^[A-Za-z_][A-Za-z0-9_-]*$/.test(name)) return `[${JSON.stringify(name)}]`;
      return index === 0 ? name : `.${name}`;
    })
    .join("");
}

/** A path with the namespace, as it stands in the stack's file: `pool-migration:stages[0].name`. */
export function qualified(path: string): string {
  return `${projectName}:${path}`;
}

function leavesOf(schema: z.core.$ZodType, path: string): ConfigKey[] {
  const info = keyInfo.get(schema as z.ZodType);
  if (info !== undefined) {
    const own = z.safeParse(schema, undefined).data;
    return [{ ...info, path, defaultValue: own ?? info.dependentDefault?.usual }];
  }
  if (schema instanceof z.ZodObject) {
    const shape: Readonly<Record<string, z.core.$ZodType>> = schema.shape;
    return Object.entries(shape).flatMap(([name, field]) => leavesOf(field, `${path}.${name}`));
  }
  if (schema instanceof z.ZodArray) return leavesOf(schema.element, `${path}[]`);
  if (schema instanceof z.ZodRecord) return leavesOf(schema.valueType, `${path}.*`);
  if (schema instanceof z.ZodPipe) return leavesOf(schema.out, path);
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodOptional) {
    return leavesOf(schema.unwrap(), path);
  }
  throw new TypeError(`The configuration key ${path} has no description.`);
}
