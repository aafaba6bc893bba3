import { z } from "zod";
import { slowCandidates } from "./session-events.ts";

/** Time to settle where none is named, milliseconds. */
const standardSettle = 900_000;

/** Schema of an attempt, as guards keep it in their Lease and hand it to the router-agents. */
export const attemptSchema = z.strictObject({
  /** Grows with each change, also over a loss of all that was stored: milliseconds since 1970. The largest counts. */
  version: z.int().min(0),
  /** Name, `<UTC yyyymmddThhmmssZ>`; unique, because a new one begins later. */
  name: z.string().regex(/^\d{8}T\d{6}Z$/),
  /** When it began, milliseconds since 1970: earlier requests are no part of it. */
  since: z.int().min(0),
  /** Why it began, for people. */
  why: z.string(),
  /** What V2 is in it. */
  build: z.string(),
  /** Engagement of the brake by a guard in this attempt; null before there is one. */
  engagement: z.string().nullable(),
  /** Durations of which the threshold of `slow` is chosen, milliseconds, rising; empty until V1's p95 is known. */
  candidates: z.array(z.int().min(1)).max(slowCandidates),
  /** Since when they are compared with what V1 does, milliseconds since 1970; null before that. */
  candidatesAt: z.int().min(0).nullable(),
  /** A request that takes longer is slow, milliseconds; null until it is frozen. */
  slowMilliseconds: z.int().min(1).nullable(),
  /**
   * For so long after a change of the percentage no session's first request is timed, milliseconds: sessions that were idle,
   * or that only other routers know, come back then, and are cold where the change has moved them. (Simulated with
   * tenants of which a new attempt knows none and hardly a slow request else: with 5 minutes 10 of 40 healthy migrations were
   * rolled back for these, with 15 none.)
   */
  settleMilliseconds: z.int().min(0).default(standardSettle),
});

/**
 * An attempt: the span of one build of V2 between releases of the brake, over which evidence adds up. One guard, the
 * holder of the Lease, begins and changes it; the others and the router-agents follow.
 */
export type Attempt = z.infer<typeof attemptSchema>;

/** What an attempt begins with. */
export interface AttemptStart {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly why: string;
  readonly build: string;
  /** A threshold that the configuration sets, or one that was frozen before: V1 is still the same. */
  readonly slowMilliseconds: number | null;
  /** Time to settle after a change of the percentage, milliseconds; default 900,000. */
  readonly settleMilliseconds?: number;
  /** The attempt before, whose version is exceeded. */
  readonly before?: Attempt | undefined;
}

/** Begins an attempt, at least a second after the one before, so that its name is another one. */
export function beginAttempt(start: AttemptStart): Attempt {
  const { why, build, slowMilliseconds, settleMilliseconds = standardSettle, before } = start;
  const since = Math.max(start.at, before === undefined ? 0 : before.since + 1000);
  return {
    version: Math.max(since, before === undefined ? 0 : before.version + 1),
    name: new Date(since).toISOString().replace(/[-:]|\.\d{3}/g, ""),
    since,
    why,
    build,
    engagement: null,
    candidates: [],
    candidatesAt: null,
    slowMilliseconds,
    settleMilliseconds,
  };
}

/** Changes an attempt without beginning another. */
export function changeAttempt(
  attempt: Attempt,
  change: Partial<Pick<Attempt, "engagement" | "candidates" | "candidatesAt" | "slowMilliseconds">>,
  at: number,
): Attempt {
  return { ...attempt, ...change, version: Math.max(at, attempt.version + 1) };
}

/** The one that counts: the larger version. */
export function newerAttempt(a: Attempt | undefined, b: Attempt | undefined): Attempt | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return b.version > a.version ? b : a;
}
