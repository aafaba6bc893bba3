import type { DecisionLine } from "../../../infra/rollout/decision-log.ts";
import { isFailedDecision, parseDecisionLine } from "../../../infra/rollout/decision-log.ts";
import type { LogState } from "./agent-state.ts";

/**
 * Counts a line of the decision log by its decided side; lines of override routes apart, lines of requests that met
 * no route only as read.
 *
 * @returns what it says; undefined when it cannot be read
 */
export function countLine(state: LogState, text: string): DecisionLine | undefined {
  state.linesRead += 1;
  const line = parseDecisionLine(text);
  if (line === undefined) {
    state.unreadableLines += 1;
    return undefined;
  }
  if (line.override !== undefined) state.overrides[line.override] += 1;
  if (line.decided !== undefined) {
    const counts = state.decisions[line.decided];
    counts.requests += 1;
    if (isFailedDecision(line)) counts.failed += 1;
    if (line.fallback) counts.fallbacks += 1;
  }
  return line;
}
