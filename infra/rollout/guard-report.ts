import { z } from "zod";
import { sides } from "./decision.ts";
import { attemptSchema } from "./evidence/attempt.ts";
import type { Verdict } from "./evidence/evaluate.ts";
import type { PoolFigures } from "./evidence/row.ts";

/** Port name of a guard's interface. */
export const guardPortName = "guard";

const rates = z.object({
  /** Decided for the side. */
  requestsPerSecond: z.number(),
  /** Of these, 0 to 1; null where there were none. */
  failedShare: z.number().nullable(),
  /** Milliseconds; null where nothing was answered. */
  p50: z.number().nullable(),
  p95: z.number().nullable(),
  p99: z.number().nullable(),
  /** Distinct sessions at the present percentage of the attempt. */
  sessions: z.number(),
});

/** What a side did in the last seconds. */
export type SideRates = z.infer<typeof rates>;

/**
 * What a guard reports (`GET /report` with the agents' token). The verdict is checked only for being there: whoever reads
 * it is of the same version.
 */
export const guardReportSchema = z.object({
  /** Name of the pod. */
  pod: z.string(),
  /** Time of the evaluation, milliseconds since 1970. */
  at: z.number(),
  /** Whether this guard holds the Lease: it journals and tells people. */
  leads: z.boolean(),
  /** The attempt in force; null: not known yet. */
  attempt: attemptSchema.nullable(),
  /** The last verdict; null before the first. */
  verdict: z.custom<Verdict>((value) => typeof value === "object" && value !== null).nullable(),
  stage: z.object({
    name: z.string(),
    /** Applied by every router. */
    percentage: z.number(),
    /** Milliseconds since 1970. */
    since: z.number(),
  }),
  /** Limits of the e-values: 1 / alpha. */
  limits: z.object({ cumulative: z.number(), stage: z.number() }),
  rates: z.record(z.enum(sides), rates),
  /** V2's figures; null while none were read. */
  pool: z.custom<PoolFigures>((value) => typeof value === "object" && value !== null).nullable(),
  /** Those whose report is not stale. */
  routers: z.object({ expected: z.number(), reporting: z.number() }),
  /** Engagement that this guard is putting or has put into force in this attempt. */
  braking: z
    .object({
      id: z.string(),
      why: z.string(),
      /** Milliseconds since 1970, each null until it is so. */
      decidedAt: z.number(),
      objectAt: z.number().nullable(),
      zeroAt: z.number().nullable(),
      drainedAt: z.number().nullable(),
    })
    .nullable(),
  journal: z.object({
    /** False where the stack has no database: nothing is recorded, and no stage passes a gate. */
    enabled: z.boolean(),
    /** Entries that wait for the database. */
    waiting: z.number(),
    /** When the database took the last entry, milliseconds since 1970; null before that. */
    writtenAt: z.number().nullable(),
    problem: z.string().nullable(),
  }),
});

/** Report of one guard. */
export type GuardReport = z.infer<typeof guardReportSchema>;
