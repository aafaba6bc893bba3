import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

/**
 * Content of a ConfigMap that the kubelet mounted. It has no resourceVersion, and may be a minute or two old.
 *
 * @returns undefined when the directory cannot be read
 */
export function mountedConfigMap(directory: string): Record<string, string> | undefined {
  try {
    // Keys never begin with two dots: those are the kubelet's own links.
    const keys = readdirSync(directory).filter((key) => !key.startsWith(".."));
    return Object.fromEntries(keys.map((key) => [key, readFileSync(join(directory, key), "utf8")]));
  } catch {
    return undefined;
  }
}
