import type { Logger } from "pino";
import type { RouterFiles } from "../../../infra/rollout/envoy-bootstrap.ts";
import type { AgentState } from "./agent-state.ts";
import { emptyState, readState } from "./agent-state.ts";
import { emptyEvidence, Evidence } from "./evidence.ts";

/** What an earlier process of the same pod left behind, or the begin of all. */
export function restoreState(
  files: RouterFiles,
  log: Logger,
): { readonly state: AgentState; readonly evidence: Evidence } {
  const state = restoredState(files.state, log);
  try {
    return { state, evidence: new Evidence(state.evidence, files.evidence) };
  } catch (error) {
    log.error({ error: String(error) }, "the stored evidence cannot be read; it begins anew");
    const { generation } = state.evidence.store;
    state.evidence = emptyEvidence();
    state.evidence.store.generation = generation + 1;
    // Nothing passes on what is left; what is bad is still seen.
    state.evidence.book.complete = false;
    return { state, evidence: new Evidence(state.evidence, files.evidence) };
  }
}

function restoredState(path: string, log: Logger): AgentState {
  try {
    const stored = readState(path);
    if (stored !== undefined) return stored;
    return emptyState();
  } catch (error) {
    log.error({ error: String(error) }, "the stored state cannot be read; starting anew");
    const state = emptyState();
    state.evidence.book.complete = false;
    return state;
  }
}
