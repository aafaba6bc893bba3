import { z } from "zod";

/** Body of `PUT /admin/faults`. */
export const faultsSchema = z.strictObject({
  /** Share of operations answered 500, 0 to 1. */
  error_rate: z.number().min(0).max(1).default(0),
  /** Share of executions answered 424, as by a pool that breaks its programs, 0 to 1. */
  wrong_rate: z.number().min(0).max(1).default(0),
  /** Time added to each operation while it holds its worker, milliseconds. */
  latency_ms: z.number().int().min(0).max(300_000).default(0),
  /** Workers never answer while this is set. */
  hang: z.boolean().default(false),
  /** Memory that the workers together lose each minute, megabytes. */
  leak_mb_per_min: z.number().min(0).max(10_000).default(0),
  /** End one worker now, a busy one if there is one. */
  kill_worker: z.boolean().default(false),
  /** End the process at once, with everything in flight. */
  crash: z.boolean().default(false),
});

/** Faults a reference pool can be told to have; never in a production image. */
export type Faults = z.infer<typeof faultsSchema>;

/** No faults at all. */
export const noFaults: Faults = faultsSchema.parse({});
