import type { RecordedAttempt } from "../lib/journal-reader.ts";
import type { AttemptReplay, Difference, Mismatch } from "./recomputation.ts";

/** Longest value that is shown whole. */
const longestValue = 120;

/** What came out of a replay, for people. */
export function describeReplay(
  attempts: readonly AttemptReplay[],
  mismatches: readonly Mismatch[],
  recorded: readonly RecordedAttempt[],
): string {
  const found = attempts.reduce((sum, attempt) => sum + attempt.mismatches, 0);
  const more = found - mismatches.length;
  return [
    ...attempts.flatMap((attempt) => describeAttempt(attempt, recorded)),
    ...mismatches.flatMap(describeMismatch),
    ...(more > 0 ? [`and ${String(more)} more that differ`] : []),
    "",
  ].join("\n");
}

function describeAttempt(
  { attempt, verdicts, kinds, first, last, mismatches, notReplayable }: AttemptReplay,
  recorded: readonly RecordedAttempt[],
): string[] {
  const known = recorded.find((one) => one.attempt.name === attempt)?.attempt;
  const about = known === undefined ? "" : `, build ${known.build}: ${known.why}`;
  const counts = Object.entries(kinds).map(([kind, count]) => `${String(count)} ${kind}`);
  return [
    `attempt ${attempt}${about}`,
    `  ${String(verdicts)} verdicts from ${first} to ${last}: ${counts.join(", ")}`,
    `  ${String(verdicts - mismatches - notReplayable)} the same when recomputed, ${String(mismatches)} different` +
      (notReplayable === 0
        ? ""
        : `, ${String(notReplayable)} not replayable: rows before them are missing`),
  ];
}

function describeMismatch({ attempt, writer, sequence, at, differences }: Mismatch): string[] {
  return [
    `verdict ${String(sequence)} of ${writer} at ${at}, attempt ${attempt}, comes out differently:`,
    ...differences.map(describeDifference),
  ];
}

function describeDifference({ path, journaled, recomputed }: Difference): string {
  return `  ${path}: ${shown(journaled)} in the journal, ${shown(recomputed)} recomputed`;
}

function shown(json: string | undefined): string {
  if (json === undefined) return "nothing";
  return json.length > longestValue ? `${json.slice(0, longestValue)}…` : json;
}
