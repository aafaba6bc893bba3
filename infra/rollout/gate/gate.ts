import { commonChecks } from "./checks.ts";
import type { Check, GateInput } from "./checks.ts";
import { stageQuestions } from "./stage-checks.ts";

/** Whether the next stage may start. */
export interface GateResult {
  /** `passed`, `failed`, or `undecided` where something is missing and nothing speaks against. */
  readonly outcome: "passed" | "failed" | "undecided";
  readonly checks: readonly Check[];
  /** For people: what to look at before they go on. */
  readonly people: readonly string[];
}

/** Evaluates the gate after a stage. One check that fails fails it; one that cannot be decided leaves it undecided. */
export function evaluateGate(input: GateInput): GateResult {
  const { checks: own, people } = stageQuestions(input);
  const checks = [...commonChecks(input), ...own];
  const outcome = checks.some(({ passed }) => passed === false)
    ? "failed"
    : checks.some(({ passed }) => passed === null)
      ? "undecided"
      : "passed";
  return { outcome, checks, people };
}
