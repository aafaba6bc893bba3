import type { ConfigOrigin } from "../../../infra/config/parse.ts";

/** A change of the sample that makes it bad, and what is said about it. */
export interface BadInput {
  /** What is changed in the sample. */
  readonly change: Readonly<Record<string, unknown>>;
  /** Where the changed sample comes from, where that is part of what is bad. */
  readonly origin?: Partial<ConfigOrigin>;
  /** The whole sentence about the changed key, with the command that fixes it. */
  readonly message: string;
}
