import { endSession, holdSession, storeLanguageModel } from "../store/sessions.ts";
import { languageModelSchema, parseBody } from "./bodies.ts";
import { inTransaction, takeTurn } from "./dispatch.ts";
import type { Perform } from "./operation.ts";

/** `DELETE /v1/session` */
export const endCallersSession: Perform = async (performance) => {
  const { state, call } = performance;
  await takeTurn(performance);
  const removed = await inTransaction(performance, (transaction) =>
    endSession(transaction, call.sessionId, state.settings.sessionTtlSeconds),
  );
  state.recent.forgetSession(call.sessionId);
  const status = removed === undefined ? "not_found" : "cleaned";
  return { status: 200, body: { status, programs_removed: removed ?? 0 } };
};

/** `PUT /v1/session/lm`: for the whole session, wherever its calls go. */
export const configureLanguageModel: Perform = async (performance) => {
  const { state, call } = performance;
  const settings = parseBody(languageModelSchema, call.body);
  await takeTurn(performance);
  await inTransaction(performance, async (transaction) => {
    await holdSession(transaction, call.sessionId, state.settings.sessionTtlSeconds);
    await storeLanguageModel(transaction, call.sessionId, settings);
  });
  return { status: 200, body: { status: "configured", ...settings } };
};
