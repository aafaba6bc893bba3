import { createHash } from "node:crypto";
import { z } from "zod";
import { PoolError } from "./errors.ts";

/** Ids of sessions and programs in the contract. */
export const idPattern = /^[A-Za-z0-9._:-]{1,128}$/;

const fieldSchema = z.object({
  name: z.string().min(1).max(128),
  type: z.string().max(128).optional(),
  description: z.string().max(1024).optional(),
});

/** Body of `POST /v1/programs`; unknown members are ignored, as the contract says. */
export const createBodySchema = z.object({
  id: z.string().regex(idPattern).optional(),
  signature: z.object({
    inputs: z.array(fieldSchema).min(1).max(64),
    outputs: z.array(fieldSchema).min(1).max(64),
  }),
  program_type: z.enum(["predict", "chain_of_thought", "react"]).default("predict"),
});

/** Body of `POST /v1/programs/{id}/execute`. */
export const executeBodySchema = z.object({
  inputs: z.record(z.string(), z.unknown()),
  options: z.record(z.string(), z.unknown()).optional(),
});

/** What makes two programs the same: their type and signature. */
export type Definition = Omit<z.infer<typeof createBodySchema>, "id">;

/** JSON with sorted keys, so that equal values have equal text. */
function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, member: unknown) =>
    member !== null && typeof member === "object" && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  );
}

/** SHA-256 of a value's canonical JSON, hexadecimal. */
export function contentHash(value: unknown): string {
  return createHash("sha256").update(canonicalJson(value)).digest("hex");
}

/**
 * The deterministic stand-in for a program that calls a language model: each output is a hash of
 * the definition and the declared inputs, so that anyone can tell whether the right program ran.
 * @throws PoolError `program_failed` when a declared input is missing.
 */
export function runProgram(
  definition: Definition,
  inputs: Record<string, unknown>,
): Record<string, string> {
  const declared = definition.signature.inputs.map(({ name }) => {
    if (inputs[name] === undefined) {
      throw new PoolError("program_failed", `The program needs the input "${name}".`);
    }
    return [name, inputs[name]] as const;
  });
  const digest = contentHash({ definition, inputs: Object.fromEntries(declared) });
  return Object.fromEntries(
    definition.signature.outputs.map(({ name }) => [name, `${name}-${digest.slice(0, 16)}`]),
  );
}
