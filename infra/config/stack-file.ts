import { parse } from "yaml";

import { configKeys, qualified } from "./keys.ts";

/**
 * Secrets that a stack's file holds in clear. The engine tells a program only whether a top-level key holds any
 * secret, so a clear token beside an encrypted one can be seen in the file alone.
 *
 * @param text content of `Pulumi.<stack>.yaml`
 * @returns paths such as `router.override.token`
 */
export function clearSecrets(text: string): readonly string[] {
  const file: unknown = parse(text);
  return configKeys
    .filter(({ secret }) => secret === "required")
    .map(({ path }) => path)
    .filter((path) => {
      const [section = "", ...rest] = path.split(".");
      const held = ["config", qualified(section), ...rest].reduce<unknown>(
        (value, name) =>
          typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined,
        file,
      );
      return typeof held === "string" || typeof held === "number";
    });
}
