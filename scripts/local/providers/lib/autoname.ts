import { createHash, randomBytes } from "node:crypto";

/**
 * A name for a resource whose program gives none: the logical name, a hyphen and hexadecimal digits. The same seed gives
 * the same name, so that a preview shows the name that the update then uses.
 */
export function automaticName(logicalName: string, seed: Uint8Array, digits: number): string {
  const random = seed.length > 0 ? createHash("sha256").update(seed).digest() : randomBytes(32);
  return `${logicalName}-${random.toString("hex").slice(0, digits)}`;
}
