import { exitCodes } from "../lib/verb.ts";

/** Something that is wrong, and what to do about it. */
export interface Problem {
  /** One sentence. */
  readonly what: string;
  /** What to do, with the command where there is one. */
  readonly fix: string;
}

/**
 * How a check ended:
 *
 * - `passed`
 * - `failed`: what was looked at is not as it has to be
 * - `undecided`: it could not be looked at from here, or not before something else is mended
 * - `unanswered`: something that has to answer did not
 * - `skipped`: this stack has nothing of the kind
 */
export type Outcome = "passed" | "failed" | "undecided" | "unanswered" | "skipped";

/** What a check found. */
export interface Finding {
  readonly outcome: Outcome;
  /** What was seen, a part of a line. */
  readonly detail: string;
  /** Empty unless the check failed, was undecided or had no answer. */
  readonly problems: readonly Problem[];
}

/** A finding under the name of its check. */
export interface NamedFinding extends Finding {
  readonly check: string;
}

/** A finding without a problem. */
export function finding(outcome: "passed" | "skipped", detail: string): Finding {
  return { outcome, detail, problems: [] };
}

/** A finding that has one problem or several. */
export function trouble(
  outcome: "failed" | "undecided" | "unanswered",
  detail: string,
  ...problems: Problem[]
): Finding {
  return { outcome, detail, problems };
}

/**
 * Exit code of all findings together: 1 if something is known to be wrong, else 3 if something did not answer,
 * else 2 if something could not be decided.
 */
export function exitCodeOf(findings: readonly Finding[]): number {
  const any = (outcome: Outcome) => findings.some((found) => found.outcome === outcome);
  if (any("failed")) return exitCodes.gateFailed;
  if (any("unanswered")) return exitCodes.infrastructure;
  return any("undecided") ? exitCodes.refused : exitCodes.done;
}

const words: Readonly<Record<Outcome, string>> = {
  passed: "ok",
  failed: "FAILED",
  undecided: "undecided",
  unanswered: "NO ANSWER",
  skipped: "-",
};

/** The findings as lines: one for each check, below it each problem with its fix. */
export function reportLines(findings: readonly NamedFinding[]): string[] {
  const width = Math.max(...findings.map(({ check }) => check.length));
  const indent = (text: string, by: number) => text.replaceAll("\n", `\n${" ".repeat(by)}`);
  return findings.flatMap(({ check, outcome, detail, problems }) => [
    `${words[outcome].padEnd(9)}  ${check.padEnd(width)}  ${detail}`,
    ...problems.flatMap(({ what, fix }) => [
      `             ${indent(what, 13)}`,
      `             → ${indent(fix, 15)}`,
    ]),
  ]);
}

/** One line that says how all of it ended. */
export function summaryLine(findings: readonly Finding[]): string {
  const count = (outcome: Outcome) => findings.filter((found) => found.outcome === outcome).length;
  const parts = (Object.keys(words) as Outcome[])
    .map((outcome) => [outcome, count(outcome)] as const)
    .filter(([, number]) => number > 0)
    .map(([outcome, number]) => `${String(number)} ${outcome}`);
  return parts.join(", ");
}
