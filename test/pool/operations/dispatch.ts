import { PoolError } from "../errors.ts";
import { ProgramFailure } from "../program.ts";
import {
  databaseAwayError,
  isDatabaseAway,
  transaction,
  type Queryable,
} from "../store/database.ts";
import type { Command } from "../workers/messages.ts";
import type { DispatchLimits } from "../workers/worker-pool.ts";
import type { Performance, PoolState } from "./operation.ts";

/** Limits of a call that has this much time left. */
export function limitsOf({ settings }: PoolState, budgetMs: number): DispatchLimits {
  const { checkoutTimeoutMs, operationTimeoutMs } = settings;
  return { checkoutTimeoutMs, operationTimeoutMs, budgetMs };
}

/**
 * Runs a command on a worker, through the breaker.
 * @throws PoolError; a program that raised is `program_failed`.
 */
export async function dispatch(
  { state, call, onRun }: Omit<Performance, "database">,
  command: Command,
): Promise<unknown> {
  if (state.workers.workers.length === 0) {
    throw new PoolError("pool_unavailable", "The pool has no worker.", 1);
  }
  try {
    return await state.breaker.guard(() =>
      state.workers.run(command, limitsOf(state, call.budgetMs), onRun),
    );
  } catch (error) {
    if (error instanceof ProgramFailure) throw new PoolError("program_failed", error.message);
    throw error;
  }
}

/** Waits for a turn on a worker: what follows changes or reads stored state. */
export async function takeTurn(performance: Performance): Promise<void> {
  await dispatch(performance, { command: "noop" });
}

/** Runs `work` in a transaction: the one that is open already, or one of its own. */
export async function inTransaction<T>(
  { state, database }: Performance,
  work: (transaction: Queryable) => Promise<T>,
): Promise<T> {
  return database === state.database
    ? await transaction(state.database, work)
    : await work(database);
}

/** What the caller is told of an error. */
export function callerError(error: unknown): unknown {
  return isDatabaseAway(error) ? databaseAwayError() : error;
}
