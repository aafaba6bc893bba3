import type pg from "pg";
import type { Faults } from "../faults.ts";
import type { PoolFlags } from "../flags.ts";
import type { PoolSettings } from "../settings.ts";
import type { Queryable } from "../store/database.ts";
import type { RecentPrograms } from "../store/recent-programs.ts";
import type { ExtendedTelemetry, PoolMetrics } from "../telemetry/metrics.ts";
import type { Statistics } from "../telemetry/statistics.ts";
import type { Breaker } from "../workers/breaker.ts";
import type { Run, WorkerPool } from "../workers/worker-pool.ts";

/** The operations of the contract, as metrics name them. */
export type Operation =
  "create" | "execute" | "list" | "get" | "delete" | "end_session" | "configure_lm" | "health";

/** One call of an operation, after its headers and path were checked. */
export interface Call {
  readonly operation: Operation;
  /** The caller's session, or `anonymous`. */
  readonly sessionId: string;
  readonly programId: string | undefined;
  readonly idempotencyKey: string | undefined;
  /** Parsed JSON body; undefined where there is none. */
  readonly body: unknown;
  readonly query: URLSearchParams;
  /** Time left for this call, milliseconds. */
  readonly budgetMs: number;
}

/** Everything an operation works with. */
export interface PoolState {
  readonly settings: PoolSettings;
  readonly database: pg.Pool;
  readonly workers: WorkerPool;
  readonly breaker: Breaker;
  readonly metrics: PoolMetrics;
  readonly telemetry: ExtendedTelemetry;
  readonly statistics: Statistics;
  readonly recent: RecentPrograms;
  faults: Faults;
  flags: PoolFlags;
}

/** An operation's answer, before headers. */
export interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

/** What an operation is performed with. */
export interface Performance {
  readonly state: PoolState;
  readonly call: Call;
  /** The connection pool, or the transaction that also holds the Idempotency-Key. */
  readonly database: Queryable;
  /** Is told the figures of the run on a worker. */
  readonly onRun: (run: Run) => void;
}

/** Performs one operation. @throws PoolError */
export type Perform = (performance: Performance) => Promise<Answer>;
