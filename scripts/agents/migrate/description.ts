import type { CatalogComparison, CatalogDifference } from "./catalog.ts";
import type { CommandResult } from "./commands.ts";

/** Whether the tables differ from what the migrations made. */
function isDrifted(catalog: CatalogComparison | undefined): boolean {
  return (
    catalog !== undefined &&
    (catalog.differences.length > 0 || catalog.liveFingerprint !== catalog.recordedFingerprint)
  );
}

/** What can be told of a database without changing it. */
export type DatabaseState = Omit<CommandResult, "changed">;

/** Whether every file is applied as it is here, nothing is wrong with the tables, and nobody else changed them. */
export function isInOrder({ migrations, problems, catalog }: DatabaseState): boolean {
  return (
    migrations.every(({ state }) => state === "applied") &&
    (problems ?? []).length === 0 &&
    !isDrifted(catalog)
  );
}

/** What a command found or did, for people. */
export function describeResult(result: DatabaseState & Partial<CommandResult>): string {
  const { changed = [], migrations, problems, catalog } = result;
  const width = Math.max(...migrations.map(({ name }) => name.length));
  return [
    ...migrations.map(({ name, state, appliedAt, durationMs, appliedBy }) =>
      [
        name.padEnd(width),
        state.padEnd(8),
        ...(appliedAt === undefined ? [] : [`${appliedAt} in ${durationMs} ms by ${appliedBy}`]),
      ].join("  "),
    ),
    ...(changed.length === 0 ? [] : [`${changed.length} changed by this run`]),
    ...(problems === undefined ? [] : [`${problems.length} problems found`, ...problems]),
    ...(catalog === undefined ? [] : describeCatalog(catalog)),
    "",
  ].join("\n");
}

function describeCatalog(catalog: CatalogComparison): string[] {
  const { differences, recordedFingerprint, liveFingerprint } = catalog;
  const short = (fingerprint: string) => fingerprint.slice(0, 12);
  if (!isDrifted(catalog)) {
    return [`the tables are as the migrations made them (fingerprint ${short(liveFingerprint)})`];
  }
  const fingerprints = `fingerprint ${short(liveFingerprint)} instead of ${short(recordedFingerprint)}`;
  if (differences.length === 0) {
    return [`a down part did not restore what was there before (${fingerprints})`];
  }
  return [
    `${differences.length} objects differ from what the migrations made (${fingerprints})`,
    ...differences.flatMap(describeDifference),
  ];
}

function describeDifference({ object, expected, found }: CatalogDifference): string[] {
  if (found === undefined) return [`- ${object} is not there: ${oneLine(expected)}`];
  if (expected === undefined) return [`+ ${object} is of no migration: ${oneLine(found)}`];
  return [`~ ${object} is ${oneLine(found)}`, `    instead of ${oneLine(expected)}`];
}

/** Definitions of functions and views have several lines. */
function oneLine(definition: string | undefined): string {
  const text = (definition ?? "").replace(/\s+/g, " ").trim();
  return text.length > 200 ? `${text.slice(0, 200)} …` : text || "(nothing)";
}
