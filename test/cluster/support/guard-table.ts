import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** What came of a fault in a circumstance. */
export interface GuardCase {
  readonly circumstance: string;
  readonly fault: string;
  /** Pods that pulled the brake. */
  readonly by: readonly string[];
  /** From the end of V2's first bad request until every router applied 0 %; null where nobody braked. */
  readonly firstBadToZeroSeconds: number | null;
  /** Requests that callers saw fail until V2 was repaired. */
  readonly failedRequests: number;
  /** Longest time for which the journal has no verdict, seconds. */
  readonly journalSilenceSeconds: number;
}

/** Writes the table to `out/guard-faults.json` and to the terminal. */
export function writeGuardTable(cases: readonly GuardCase[]): void {
  const out = new URL("../../../out/", import.meta.url).pathname;
  mkdirSync(out, { recursive: true });
  writeFileSync(join(out, "guard-faults.json"), `${JSON.stringify(cases, undefined, 2)}\n`);
  const rows = [
    ["circumstance", "fault", "0 % after", "failed", "no verdict for", "by"],
    ...cases.map((one) => [
      one.circumstance,
      one.fault,
      one.firstBadToZeroSeconds === null ? "no brake" : `${one.firstBadToZeroSeconds.toFixed(1)} s`,
      String(one.failedRequests),
      `${one.journalSilenceSeconds.toFixed(1)} s`,
      one.by.join(", "),
    ]),
  ];
  const widths = rows[0]?.map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths?.[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
  process.stdout.write(`\n${lines.join("\n")}\n\n`);
}
