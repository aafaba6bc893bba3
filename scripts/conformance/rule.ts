import { randomBytes } from "node:crypto";
import type { Client } from "./client.ts";

/** What a rule needs besides the data port. */
export type Need = "admin" | "faults" | "process";

/** One demand of the pool contract. */
export interface Rule {
  /** Stable name in kebab-case. */
  readonly name: string;
  /** What the contract demands, one sentence. */
  readonly demand: string;
  readonly needs?: readonly Need[];
  /** The rule disturbs the whole pool for a moment: it runs when nothing else does. */
  readonly alone?: true;
  /** Resolves when the pool obeys. @throws Violation, NotApplicable, or Error without an answer. */
  check(target: Target): Promise<void>;
}

/** The pool's process, where the caller started it. */
export interface PoolProcess {
  /** Sends SIGTERM. */
  terminate(): void;
  /** Exit code; null = ended by a signal. */
  readonly exit: Promise<number | null>;
}

/** The pool under test. */
export interface Target {
  readonly data: Client;
  readonly admin: Client | undefined;
  /** What `X-Pool-Version` must say; undefined = v1 or v2. */
  readonly side: "v1" | "v2" | undefined;
  readonly process: PoolProcess | undefined;
}

/** The pool does something else than the contract demands. */
export class Violation extends Error {}

/** The rule cannot be decided for this pool. */
export class NotApplicable extends Error {}

/** A name that no run has used before: state outlives a run. */
export function freshName(prefix: string): string {
  return `${prefix}-${randomBytes(9).toString("hex")}`;
}

/** The admin port of a rule that needs it. */
export function adminOf({ admin }: Target): Client {
  if (!admin) throw new NotApplicable("no --admin-url");
  return admin;
}
