import type { Counts } from "./counts.ts";

/** What a router-agent's report says about its own completeness. */
export interface RouterReport {
  /** Name of the pod. */
  readonly router: string;
  /** When the report was made, milliseconds since 1970. */
  readonly at: number;
  /** Requests of the attempt that Envoy counted and whose log line never came, and lines that could not be read. */
  readonly lostLines: number;
  /** Decisions of the attempt whose side is not what bucket and percentage give. */
  readonly mispredicted: number;
  /** Whether its memory of sessions is complete: false when it was lost or has reached its bound. */
  readonly complete: boolean;
}

/** Figures of a pool that the rules need. */
export const poolFigures = [
  "cpuPercent",
  "memoryPercent",
  "memoryBytesPerPod",
  "workers",
  "workerFailures",
] as const;

/**
 * Name of a figure: CPU and memory in per cent of their limits (means over the pods), mean memory of a pod in bytes, workers
 * at present, and worker failures (cumulative).
 */
export type PoolFigure = (typeof poolFigures)[number];

/** Figures of V2's pool at one moment; one that its metrics do not offer is absent. */
export interface PoolFigures {
  /** When they were read, milliseconds since 1970. */
  readonly at: number;
  readonly figures: Readonly<Partial<Record<PoolFigure, number>>>;
}

/**
 * All that an evaluation gets to know, as plain JSON: what the guard journals. Nothing else, no clock and no random
 * number, has a part in the verdict.
 */
export interface EvidenceRow {
  /** Time of the evaluation, milliseconds since 1970. */
  readonly at: number;
  /** Name of the attempt: the span of one V2 build between releases. */
  readonly attempt: string;
  readonly stage: {
    readonly name: string;
    /** Applied by every router, integer 0 to 100. */
    readonly percentage: number;
    /** Since when, milliseconds since 1970. */
    readonly since: number;
    /** START_TIME of V2's first request at this percentage in this attempt, milliseconds since 1970; null before it. */
    readonly firstV2At: number | null;
  };
  /** Threshold of `slow` in force, milliseconds; null while it is not frozen. */
  readonly slowMilliseconds: number | null;
  /** Union over all routers. */
  readonly counts: Counts;
  /** Number of routers that there should be. */
  readonly routersExpected: number;
  readonly routers: readonly RouterReport[];
  /** Whether the union holds all that the routers ever told in this attempt. */
  readonly complete: boolean;
  /** V2's figures; null while none were read. */
  readonly pool: PoolFigures | null;
}
