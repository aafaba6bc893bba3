import type { ConfigOrigin } from "../../../infra/config/parse.ts";

/** What messages say of images. */
export const image = "an image reference with a digest or a tag other than latest";
/** Command that sets a part of a map. */
export const set = (path: string, value: string) =>
  `pulumi config set --path 'pool-migration:${path}' ${value}`;
/** Command that removes a part of a map. */
export const remove = (path: string) => `pulumi config rm --path 'pool-migration:${path}'`;
/** Command that sets a new token. */
export const newToken = (path: string) =>
  `pulumi config set --secret --path 'pool-migration:${path}' "$(openssl rand -hex 32)"`;

/** A change of the sample that makes it bad, and what its message says. */
export interface BadInput {
  /** What is changed in the sample. */
  readonly change: Readonly<Record<string, unknown>>;
  /** The key that the message names. */
  readonly key: string;
  /** What it says about the value. */
  readonly value: string;
  /** What it says is allowed. */
  readonly allowed: string;
  /** The command that it ends with. */
  readonly fix: string;
  readonly origin?: Partial<ConfigOrigin>;
}
