import { randomUUID } from "node:crypto";
import { PoolError } from "../errors.ts";
import type { Definition } from "../program.ts";
import { isDatabaseAway } from "../store/database.ts";
import {
  countExecution,
  deleteProgram,
  findProgram,
  listPrograms,
  storeProgram,
  type StoredProgram,
} from "../store/programs.ts";
import { holdSession, sessionNotFound, touchSession } from "../store/sessions.ts";
import { createBodySchema, executeBodySchema, parseBody } from "./bodies.ts";
import { dispatch, inTransaction, takeTurn } from "./dispatch.ts";
import type { Call, Perform, Performance } from "./operation.ts";

/** `POST /v1/programs` */
export const createProgram: Perform = async (performance) => {
  const { state, call } = performance;
  const { id = `pool_${randomUUID()}`, ...definition } = parseBody(createBodySchema, call.body);
  await takeTurn(performance);
  const stored = await inTransaction(performance, async (transaction) => {
    await holdSession(transaction, call.sessionId, state.settings.sessionTtlSeconds);
    return await storeProgram(transaction, call.sessionId, id, definition);
  });
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
};

/** `POST /v1/programs/{id}/execute` */
export const executeProgram: Perform = async (performance) => {
  const { state, call, database } = performance;
  const id = requireProgramId(call);
  const { inputs } = parseBody(executeBodySchema, call.body);
  const definition = await definitionFor(performance, id);
  let executionMs = 0;
  const outputs = await dispatch(
    {
      ...performance,
      onRun(run) {
        executionMs = run.executionMs;
        performance.onRun(run);
      },
    },
    { command: "execute", definition, inputs, executionMs: state.settings.executionMs },
  );
  try {
    await touchSession(database, call.sessionId, state.settings.sessionTtlSeconds);
    await countExecution(database, call.sessionId, id);
  } catch (error) {
    // The program has run. Only a keyed answer must be stored to be given.
    if (call.idempotencyKey !== undefined || !isDatabaseAway(error)) throw error;
  }
  return {
    status: 200,
    body: { program_id: id, outputs, execution_ms: Math.round(executionMs) },
  };
};

/** `GET /v1/programs` */
export const listSessionPrograms: Perform = async (performance) => {
  const { state, call, database } = performance;
  const limit = Number(call.query.get("limit") ?? 100);
  if (!Number.isInteger(limit) || limit < 1 || limit > 1000) {
    throw new PoolError("invalid_request", "limit must be a whole number from 1 to 1000.");
  }
  await takeTurn(performance);
  const ttl = state.settings.sessionTtlSeconds;
  const after = call.query.get("cursor") ?? "";
  try {
    const page = await listPrograms(database, call.sessionId, ttl, { limit, after });
    await touchSession(database, call.sessionId, ttl);
    return { status: 200, body: { ...page } };
  } catch (error) {
    const known = isDatabaseAway(error) ? state.recent.list(call.sessionId) : undefined;
    if (known) return { status: 200, body: { ...known } };
    throw error;
  }
};

/** `GET /v1/programs/{id}` */
export const getProgram: Perform = async (performance) => {
  const id = requireProgramId(performance.call);
  await takeTurn(performance);
  const { definition, ...listed } = await requireProgram(performance, id);
  return {
    status: 200,
    body: { program_id: id, ...listed, program_type: definition.program_type },
  };
};

/** `DELETE /v1/programs/{id}` */
export const deleteSessionProgram: Perform = async (performance) => {
  const { state, call, database } = performance;
  const id = requireProgramId(call);
  await takeTurn(performance);
  const ttl = state.settings.sessionTtlSeconds;
  const deleted = await deleteProgram(database, call.sessionId, ttl, id);
  state.recent.forget(call.sessionId, id);
  if (!deleted) throw programNotFound(id);
  await touchSession(database, call.sessionId, ttl);
  return { status: 200, body: { program_id: id, status: "deleted" } };
};

async function definitionFor(performance: Performance, id: string): Promise<Definition> {
  const { state, call } = performance;
  try {
    return (await requireProgram(performance, id)).definition;
  } catch (error) {
    // A keyed execute must be recorded, so without the database it is refused.
    const mayGoOn = call.idempotencyKey === undefined && isDatabaseAway(error);
    const known = mayGoOn ? state.recent.definition(call.sessionId, id) : undefined;
    if (known) return known;
    throw error;
  }
}

async function requireProgram(
  { state, call, database }: Performance,
  id: string,
): Promise<StoredProgram> {
  const ttl = state.settings.sessionTtlSeconds;
  const found = await findProgram(database, call.sessionId, ttl, id);
  state.metrics.sessionLookups.inc({ result: found === "noSession" ? "miss" : "hit" });
  if (typeof found !== "string") {
    state.recent.remember(call.sessionId, id, found.definition);
    return found;
  }
  state.recent.forget(call.sessionId, id);
  throw found === "noSession" ? sessionNotFound(call.sessionId) : programNotFound(id);
}

function requireProgramId({ programId }: Call): string {
  if (programId !== undefined && programId !== "") return programId;
  throw new PoolError("missing_program_id", "The path names no program.");
}

function programNotFound(id: string): PoolError {
  return new PoolError("program_not_found", `This session has no program "${id}".`);
}
