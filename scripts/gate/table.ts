import type { GateResult } from "../../infra/rollout/gate/gate.ts";

const marks = { true: "passed", false: "FAILED", null: "not decided" } as const;

const outcomes = {
  passed: "The gate is open",
  failed: "The gate is CLOSED",
  undecided: "The gate stays closed, because something could not be decided",
} as const;

/** The result for people: one line a check, then what is left to them. */
export function gateTable(
  { outcome, checks, people }: GateResult,
  stage: string,
  next: string | undefined,
): string {
  const way = next === undefined ? `after ${stage}` : `from ${stage} to ${next}`;
  const width = Math.max(...checks.map(({ name }) => name.length));
  const rows = checks.map(({ name, passed, observed, limit, window }) => {
    const mark = marks[String(passed) as keyof typeof marks];
    return `${mark.padEnd(11)}  ${name.padEnd(width)}  ${observed} (${window}; ${limit})`;
  });
  const asked = people.map((question) => `${"people".padEnd(11)}  ${question}`);
  return [...rows, ...asked, "", `${outcomes[outcome]} ${way}.`, ""].join("\n");
}
