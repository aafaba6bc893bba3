import type { ConformanceResult, RuleResult } from "./run-conformance.ts";
import type { Rule } from "./rule.ts";
import { rules } from "./rules.ts";

const width = Math.max(...rules.map(({ name }) => name.length));

/** One line of a result. */
export function describeResult({ rule, status, detail }: RuleResult): string {
  return `${status.padEnd("skipped".length)}  ${rule.padEnd(width)}  ${detail}`.trimEnd();
}

/** The rules with what they demand. */
export function describeRules(listed: readonly Rule[]): string {
  return listed.map(({ name, demand }) => `${name.padEnd(width)}  ${demand}`).join("\n");
}

/** The last line of a run. */
export function summarize({ counts, conforms, url }: ConformanceResult): string {
  const figures = `${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`;
  const verdict = conforms ? "conforms" : counts.failed > 0 ? "does not conform" : "not decided";
  return `\n${url} ${verdict}: ${figures}`;
}
