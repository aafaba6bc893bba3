import { z } from "zod";

import { key } from "./key-info.ts";
import type { KeyInfo } from "./key-info.ts";

/**
 * Integer within bounds (both included). It also arrives as text: `pulumi config set` stores text, with `--path` an
 * integer. Only the canonical form is read as a number, so that "5abc", "05" and "5.0" are refused.
 */
export function integer(minimum: number, maximum: number) {
  const fromText = (value: unknown): unknown =>
    typeof value === "string" && /^(0|-?[1-9][0-9]{0,14})$/.test(value) ? Number(value) : value;
  return z.preprocess(fromText, z.int().min(minimum).max(maximum));
}

/** Number within bounds (both included), also as text in its plain form. */
export function real(minimum: number, maximum: number) {
  const fromText = (value: unknown): unknown =>
    typeof value === "string" && /^-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,9})?$/.test(value)
      ? Number(value)
      : value;
  return z.preprocess(fromText, z.number().min(minimum).max(maximum));
}

/** True or false, also as text. */
export function boolean() {
  const fromText = (value: unknown): unknown =>
    value === "true" ? true : value === "false" ? false : value;
  return z.preprocess(fromText, z.boolean());
}

/** Map of named parts, of which all may be left out where each has a default: a missing map is an empty one. */
export function map<Shape extends z.core.$ZodLooseShape>(shape: Shape) {
  return z.preprocess((value) => value ?? {}, z.strictObject(shape));
}

/** What to say of a boolean. */
export const onOff = "true or false";

/** What to say of a choice. */
export const oneOf = (values: readonly string[]) =>
  values.join(", ").replace(/, ([^,]*)$/, " or $1");

/** What to say of a duration. */
export const seconds = (from: number, to: number) =>
  `a whole number of seconds from ${from} to ${to}`;

/** What to say of a number of pods. */
export const count = (to: number) => `an integer from 1 to ${to}`;

/** What to say of a TCP port. */
export const portAllowed = "an integer from 1 to 65535";

/** Reference grammar of OCI images (distribution/reference); the tag or digest is what makes an update repeatable. */
const imagePattern = new RegExp(
  [
    /^(?:[A-Za-z0-9.-]+(?::[0-9]+)?\/)?/,
    /[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*)*/,
    /(?:@sha256:[a-f0-9]{64}|:(?!latest(?:@|$))[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}(?:@sha256:[a-f0-9]{64})?)$/,
  ]
    .map(({ source }) => source)
    .join(""),
);

/** Reference of an image that an update can repeat. */
export const image = () => z.string().regex(imagePattern);

/** What people read about an image. */
export const imageInfo = (what: string, example: string, absent: string): KeyInfo => ({
  description: `Image of ${what}, with a tag or a digest.`,
  absent,
  allowed: "an image reference with a digest or a tag other than latest",
  example: `registry.example.com/${example}`,
});

/**
 * Token that travels in a header: printable ASCII without the comma, with which repeated headers are joined. 16
 * characters are the least that is worth guessing at.
 */
export const token = () => z.string().regex(/^[!-+\--~]{16,256}$/);

/** What to say of a token. */
export const tokenAllowed = "a secret of 16 to 256 printable characters without spaces and commas";

/** Command that makes a token. */
export const randomToken = "openssl rand -hex 32";

/** Amount of CPU, as Kubernetes writes it; a number of YAML or of the command line becomes text. */
export const cpuQuantity = () =>
  quantity(/^(?:[1-9][0-9]{0,6}m|[1-9][0-9]{0,3}(?:\.[0-9]{1,3})?|0\.(?!0+$)[0-9]{1,3})$/);

/** What people read about an amount of CPU. */
export const cpuInfo = (description: string): KeyInfo => ({
  description,
  allowed: 'cores such as "0.5" or thousandths such as "500m"',
  example: "500m",
});

/** Amount of memory, as Kubernetes writes it. */
export const memoryQuantity = () => quantity(/^[1-9][0-9]{0,15}(?:Ki|Mi|Gi|Ti|k|M|G|T)?$/);

/** What people read about an amount of memory. */
export const memoryInfo = (description: string): KeyInfo => ({
  description,
  allowed: 'bytes such as "512Mi" or "2Gi"',
  example: "512Mi",
});

function quantity(pattern: RegExp) {
  const fromNumber = (value: unknown): unknown =>
    typeof value === "number" ? String(value) : value;
  return z.preprocess(fromNumber, z.string().regex(pattern));
}

/** Name of a namespace or of another object whose name is an RFC 1123 label. */
export const label = () => z.string().regex(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/);

/** What to say of such a name. */
export const labelAllowed = "1 to 63 lower-case letters, digits and inner hyphens";

/** Path of a URL. */
export const path = () => z.string().regex(/^\/[\x21\x22\x24-\x7e]*$/);

/** What to say of a path. */
export const pathAllowed = 'a path that begins with "/", without spaces and "#"';

/** Environment variables; whatever JSON carries exactly becomes text. */
export const settings = (what: string) =>
  z
    .record(
      z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/),
      key(
        z
          .union([z.string(), z.boolean(), z.number().refine(isExact)])
          .transform((value) => String(value)),
        {
          description: `Environment variable of ${what}.`,
          absent: "not set",
          allowed: "text, true, false or a number",
          example: "'value'",
          secret: "possible",
        },
      ),
    )
    .default({});

/** Numbers of a YAML file that JSON cannot carry exactly would reach the container changed. */
function isExact(value: number): boolean {
  return !Number.isInteger(value) || Number.isSafeInteger(value);
}
