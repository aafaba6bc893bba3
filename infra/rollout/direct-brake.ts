import { z } from "zod";
import { isOwnEngagementId } from "./brake.ts";

/** Path of the agents' interface that engages the brake without an API server. */
export const directBrakePath = "/brake";

/** Largest request, bytes: more than the texts that the schema accepts can take. */
export const directBrakeBodyLimit = 8 * 1024;

const text = (longest: number) => z.string().trim().min(1).max(longest);

/**
 * What is posted to an agent to engage its brake. The id is the sender's, one for all agents, so that one release
 * frees all of them; the same request again changes nothing.
 */
export const directBrakeRequestSchema = z.strictObject({
  id: z.string().refine(isOwnEngagementId, {
    error:
      'use 1 to 100 letters, digits, ".", "_" and "-", a letter or digit first; "anonymous" and "absent" are taken',
  }),
  /** Person or program that brakes. */
  who: text(200),
  why: text(500),
  /** Who says so, for example `operating system` or `guard`. */
  source: text(100),
});

/** Request of the direct brake. */
export type DirectBrakeRequest = z.infer<typeof directBrakeRequestSchema>;

/** An agent's answer to a request that it carried out and stored. */
export const directBrakeAnswerSchema = z.object({
  id: z.string(),
  engaged: z.literal(true),
  /** Percentage that Envoy applied when it was asked last; absent before the first answer. The same request again tells a newer one. */
  appliedPercentage: z.int().min(0).max(100).optional(),
  /** Declared stage as the agent knows it; at `retired` the brake has no effect. */
  stage: z.string(),
});

/** Answer of the direct brake. */
export type DirectBrakeAnswer = z.infer<typeof directBrakeAnswerSchema>;
