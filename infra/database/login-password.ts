import { hkdfSync } from "node:crypto";
import type { AccessKind } from "./names.ts";

/** Bytes of key material: 192 bits, 32 characters. */
const length = 24;

/**
 * Password of a login, derived from the administrator's by HKDF-SHA256 (RFC 5869): the stack needs no random source
 * and no state for it, and who learns one of them can compute neither the others nor the administrator's.
 *
 * @returns 32 characters of the URL-safe base64 alphabet
 */
export function loginPassword(adminPassword: string, database: string, kind: AccessKind): string {
  const key = hkdfSync("sha256", adminPassword, database, `pool-migration ${kind} login`, length);
  return Buffer.from(key).toString("base64url");
}
