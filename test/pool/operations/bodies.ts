import { z } from "zod";
import { PoolError } from "../errors.ts";

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

/** Body of `PUT /v1/session/lm`; a secret is only ever a reference, so a key sent along is dropped. */
export const languageModelSchema = z.object({
  provider: z.string().min(1).max(128),
  model: z.string().min(1).max(256),
  temperature: z.number().min(0).max(2).default(0.7),
  secret_ref: z.string().min(1).max(512).optional(),
});

/**
 * Checks a body.
 * @throws PoolError `invalid_request` that names each problem.
 */
export function parseBody<T>(schema: z.ZodType<T>, body: unknown): T {
  const parsed = schema.safeParse(body ?? {});
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`);
  throw new PoolError("invalid_request", `The body cannot be used: ${problems.join("; ")}.`);
}
