import { createHash } from "node:crypto";

/** One named input or output of a program. */
interface Field {
  readonly name: string;
  readonly type?: string | undefined;
  readonly description?: string | undefined;
}

/** What makes two programs the same: their type and signature. */
export interface Definition {
  readonly signature: { readonly inputs: readonly Field[]; readonly outputs: readonly Field[] };
  readonly program_type: "predict" | "chain_of_thought" | "react";
}

/** A program that could not do its work: its caller's inputs are at fault, not the pool. */
export class ProgramFailure extends Error {
  override readonly name = "ProgramFailure";
}

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
 * @throws ProgramFailure when a declared input is missing.
 */
export function runProgram(
  definition: Definition,
  inputs: Record<string, unknown>,
): Record<string, string> {
  const declared = definition.signature.inputs.map(({ name }) => {
    if (inputs[name] === undefined) {
      throw new ProgramFailure(`The program needs the input "${name}".`);
    }
    return [name, inputs[name]] as const;
  });
  const digest = contentHash({ definition, inputs: Object.fromEntries(declared) });
  return Object.fromEntries(
    definition.signature.outputs.map(({ name }) => [name, `${name}-${digest.slice(0, 16)}`]),
  );
}
