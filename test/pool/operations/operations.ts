import { PoolError } from "../errors.ts";
import { contentHash } from "../program.ts";
import type { Queryable } from "../store/database.ts";
import { runOnce, type KeyedAnswer } from "../store/idempotency.ts";
import type { Run } from "../workers/worker-pool.ts";
import { callerError } from "./dispatch.ts";
import type { Call, Operation, Perform, PoolState } from "./operation.ts";
import {
  createProgram,
  deleteSessionProgram,
  executeProgram,
  getProgram,
  listSessionPrograms,
} from "./programs.ts";
import { configureLanguageModel, endCallersSession } from "./sessions.ts";

/** An operation's answer with the figures of its run. */
export interface OperationAnswer extends KeyedAnswer {
  readonly run?: Run;
}

const operations: Record<Exclude<Operation, "health">, Perform> = {
  create: createProgram,
  execute: executeProgram,
  list: listSessionPrograms,
  get: getProgram,
  delete: deleteSessionProgram,
  end_session: endCallersSession,
  configure_lm: configureLanguageModel,
};

/** Runs one of the operations on stored state, keyed or not. */
export async function callOperation(
  state: PoolState,
  call: Call & { readonly operation: keyof typeof operations },
): Promise<OperationAnswer> {
  if (Math.random() < state.faults.error_rate) {
    throw new PoolError("internal", "This pool was told to fail.");
  }
  if (call.operation === "execute" && Math.random() < state.faults.wrong_rate) {
    throw new PoolError("program_failed", "This pool was told to break its programs.");
  }
  const operation = operations[call.operation];
  let run: Run | undefined;
  const onRun = (figures: Run): void => {
    run = figures;
  };
  const perform = async (database: Queryable): Promise<KeyedAnswer> => {
    return { ...(await operation({ state, call, database, onRun })), replayed: false };
  };
  try {
    const { sessionId, idempotencyKey } = call;
    const answer =
      idempotencyKey === undefined
        ? await perform(state.database)
        : await runOnce(state.database, sessionId, idempotencyKey, requestHash(call), perform);
    return run === undefined ? answer : { ...answer, run };
  } catch (error) {
    throw callerError(error);
  }
}

function requestHash(call: Call): string {
  return contentHash([call.operation, call.programId ?? null, call.body ?? null]);
}
