import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type pg from "pg";
import type { z } from "zod";
import { databaseAwayError, isDatabaseAway, type Queryable } from "./database.ts";
import { PoolError } from "./errors.ts";
import { noFaults, type Faults } from "./faults.ts";
import { runOnce, type KeyedAnswer } from "./idempotency.ts";
import { contentHash, createBodySchema, executeBodySchema, runProgram } from "./program.ts";
import { deleteProgram, listPrograms, storeProgram, takeForExecution } from "./programs.ts";
import { RecentPrograms } from "./recent-programs.ts";
import type { PoolSettings } from "./settings.ts";
import type { Dispatched, Workers } from "./workers.ts";

/** The operations of the contract, as metrics and faults name them. */
export type Operation = "create" | "execute" | "list" | "delete" | "health";

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

/** An operation's answer with the figures of its run. */
export interface OperationAnswer extends KeyedAnswer {
  readonly run?: Omit<Dispatched<unknown>, "result">;
}

/** Everything an operation works with. */
export interface PoolState {
  readonly settings: PoolSettings;
  readonly database: pg.Pool;
  readonly workers: Workers;
  readonly recent: RecentPrograms;
  faults: Faults;
}

/** A fresh state without faults. */
export function newPoolState(
  settings: PoolSettings,
  database: pg.Pool,
  workers: Workers,
): PoolState {
  return { settings, database, workers, recent: new RecentPrograms(), faults: noFaults };
}

/** Runs one of the four operations on programs, keyed or not. */
export async function callOperation(state: PoolState, call: Call): Promise<OperationAnswer> {
  if (Math.random() < state.faults.error_rate) {
    throw new PoolError("internal", "This pool was told to fail.");
  }
  const operation = operations[call.operation as keyof typeof operations];
  let run: OperationAnswer["run"];
  const perform = async (database: Queryable): Promise<KeyedAnswer> => {
    const answer = await operation(state, call, database, (figures) => (run = figures));
    return { ...answer, replayed: false };
  };
  try {
    const answer =
      call.idempotencyKey === undefined
        ? await perform(state.database)
        : await runOnce(
            state.database,
            call.sessionId,
            call.idempotencyKey,
            requestHash(call),
            perform,
          );
    return run === undefined ? answer : { ...answer, run };
  } catch (error) {
    throw isDatabaseAway(error) ? databaseAwayError() : error;
  }
}

/** Lets a worker do nothing once, which shows that the dispatcher hands out workers. */
export async function pingWorker(state: PoolState, budgetMs: number): Promise<void> {
  await dispatch(state, budgetMs, () => Promise.resolve());
}

type Perform = (
  state: PoolState,
  call: Call,
  database: Queryable,
  ran: (figures: Omit<Dispatched<unknown>, "result">) => void,
) => Promise<{ status: number; body: Record<string, unknown> }>;

const operations: Record<Exclude<Operation, "health">, Perform> = {
  async create(state, call, database) {
    const { id = `pool_${randomUUID()}`, ...definition } = parse(createBodySchema, call.body);
    await dispatch(state, call.budgetMs, () => Promise.resolve());
    const stored = await storeProgram(database, call.sessionId, id, definition);
    if (stored.outcome === "conflict") {
      throw new PoolError("program_conflict", `Another program has the id "${id}".`);
    }
    state.recent.remember(call.sessionId, id, definition);
    return {
      status: stored.outcome === "created" ? 201 : 200,
      body: {
        program_id: id,
        status: stored.outcome,
        program_type: definition.program_type,
        signature: definition.signature,
        created_at: stored.createdAt,
      },
    };
  },

  async execute(state, call, database, ran) {
    const id = requireProgramId(call);
    const { inputs } = parse(executeBodySchema, call.body);
    const definition = await definitionFor(state, call, database, id);
    const { result, ...figures } = await dispatch(state, call.budgetMs, async (signal) => {
      await delay(state.settings.executionMs, undefined, { signal });
      return runProgram(definition, inputs);
    });
    ran(figures);
    return {
      status: 200,
      body: { program_id: id, outputs: result, execution_ms: Math.round(figures.executionMs) },
    };
  },

  async list(state, call, database) {
    const limit = Number(call.query.get("limit") ?? 100);
    if (!Number.isInteger(limit) || limit < 1 || limit > 1000) {
      throw new PoolError("invalid_request", "limit must be a whole number from 1 to 1000.");
    }
    await dispatch(state, call.budgetMs, () => Promise.resolve());
    try {
      const after = call.query.get("cursor") ?? "";
      return {
        status: 200,
        body: { ...(await listPrograms(database, call.sessionId, limit, after)) },
      };
    } catch (error) {
      const known = isDatabaseAway(error) ? state.recent.list(call.sessionId) : undefined;
      if (known) return { status: 200, body: { ...known } };
      throw error;
    }
  },

  async delete(state, call, database) {
    const id = requireProgramId(call);
    await dispatch(state, call.budgetMs, () => Promise.resolve());
    const deleted = await deleteProgram(database, call.sessionId, id);
    state.recent.forget(call.sessionId, id);
    if (!deleted) throw notFound(id);
    return { status: 200, body: { program_id: id, status: "deleted" } };
  },
};

async function definitionFor(
  state: PoolState,
  call: Call,
  database: Queryable,
  id: string,
): ReturnType<typeof requireDefinition> {
  try {
    return await requireDefinition(state, call, database, id);
  } catch (error) {
    // A keyed execute must be recorded, so without the database it is refused.
    const mayGoOn = call.idempotencyKey === undefined && isDatabaseAway(error);
    const known = mayGoOn ? state.recent.definition(call.sessionId, id) : undefined;
    if (known) return known;
    throw error;
  }
}

async function requireDefinition(state: PoolState, call: Call, database: Queryable, id: string) {
  const definition = await takeForExecution(database, call.sessionId, id);
  if (!definition) {
    state.recent.forget(call.sessionId, id);
    throw notFound(id);
  }
  state.recent.remember(call.sessionId, id, definition);
  return definition;
}

async function dispatch<T>(
  state: PoolState,
  budgetMs: number,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<Dispatched<T>> {
  const limits = {
    checkoutTimeoutMs: Math.min(budgetMs, state.settings.checkoutTimeoutMs),
    operationTimeoutMs: Math.min(budgetMs, state.settings.operationTimeoutMs),
  };
  return await state.workers.run(limits, async (signal) => {
    if (state.faults.latency_ms > 0) await delay(state.faults.latency_ms, undefined, { signal });
    return await work(signal);
  });
}

function requestHash(call: Call): string {
  return contentHash([call.operation, call.programId ?? null, call.body ?? null]);
}

function requireProgramId(call: Call): string {
  if (call.programId === undefined) {
    throw new PoolError("invalid_request", "The path names no program.");
  }
  return call.programId;
}

function notFound(id: string): PoolError {
  return new PoolError("program_not_found", `This session has no program "${id}".`);
}

function parse<T>(schema: z.ZodType<T>, body: unknown): T {
  const parsed = schema.safeParse(body ?? {});
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`);
  throw new PoolError("invalid_request", `The body cannot be used: ${problems.join("; ")}.`);
}
