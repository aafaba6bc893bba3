import { z } from "zod";
import { agentReportSchema } from "../agent-report.ts";
import { attemptSchema } from "./attempt.ts";
import { evidenceRecordSchema } from "./record.ts";

/** Path of a router-agent's evidence: POST with the agents' token. */
export const evidencePath = "/evidence";

/** Longest body of a question, bytes. */
export const evidenceQuestionLimit = 16 * 1024;

/** What a guard asks a router-agent. */
export const evidenceQuestionSchema = z.strictObject({
  /** The attempt in force as the guard knows it; absent: it knows none. */
  attempt: attemptSchema.optional(),
  /** Number of the last record that the guard has, of this attempt; 0: it has none. */
  after: z.int().min(0),
});

/** What a guard asks a router-agent. */
export type EvidenceQuestion = z.infer<typeof evidenceQuestionSchema>;

/** What a router-agent answers. */
export const evidenceAnswerSchema = z.object({
  /** The agent's report. */
  report: agentReportSchema,
  /** The newest attempt that the agent has heard of; null: none. It may be newer than the one asked for. */
  attempt: attemptSchema.nullable(),
  /** Requests that Envoy counted in this attempt and whose line never came, and lines that could not be read. */
  lostLines: z.int().min(0),
  /** Decisions of this attempt whose side is not what bucket and percentage give. */
  mispredicted: z.int().min(0),
  /** Number of the last record: smaller than one that a guard has, where the agent has lost its memory. */
  last: z.int().min(0),
  /** Whether nothing is missing from the records. */
  complete: z.boolean(),
  /** The records begin with the first one, because the agent no longer has the one asked for by itself. */
  restart: z.boolean(),
  /** Records in order; empty where the attempt differs. */
  records: z.array(evidenceRecordSchema),
  /** Whether there are more. */
  more: z.boolean(),
});

/** What a router-agent answers. */
export type EvidenceAnswer = z.infer<typeof evidenceAnswerSchema>;
