import type pg from "pg";
import type { SqlFile } from "../../../infra/database/migrations.ts";
import { exitCodes, VerbError } from "../../lib/verb.ts";

/** One applied migration, as the database remembers it. */
export interface LedgerRow {
  readonly name: string;
  readonly sha256: string;
  readonly applied_at: Date;
  readonly duration_ms: number;
  readonly applied_by: string;
}

/** What is known about one migration. */
export interface MigrationState {
  readonly name: string;
  /** `edited`: applied, and the file is another one now; `unknown`: applied, and there is no such file here. */
  readonly state: "applied" | "pending" | "edited" | "unknown";
  readonly appliedAt: string | undefined;
  readonly durationMs: number | undefined;
  readonly appliedBy: string | undefined;
}

/** Rows of the ledger in the order of their names; none before the first migration. */
export async function readLedger(client: pg.Client): Promise<LedgerRow[]> {
  const { rows } = await client.query<{ found: boolean }>(
    "SELECT to_regclass('schema_migration_ledger') IS NOT NULL AS found",
  );
  if (rows[0]?.found !== true) return [];
  const ledger = await client.query<LedgerRow>(
    "SELECT name, sha256, applied_at, duration_ms, applied_by FROM schema_migration_ledger ORDER BY name",
  );
  return ledger.rows;
}

/** Compares the files with the ledger. */
export function compareWithLedger(
  files: readonly SqlFile[],
  ledger: readonly LedgerRow[],
): MigrationState[] {
  const names = new Set([...files, ...ledger].map(({ name }) => name));
  return [...names].sort().map((name) => {
    const file = files.find((candidate) => candidate.name === name);
    const row = ledger.find((candidate) => candidate.name === name);
    return {
      name,
      state: stateOf(file, row),
      appliedAt: row?.applied_at.toISOString(),
      durationMs: row?.duration_ms,
      appliedBy: row?.applied_by,
    };
  });
}

function stateOf(file: SqlFile | undefined, row: LedgerRow | undefined): MigrationState["state"] {
  if (row === undefined) return "pending";
  if (file === undefined) return "unknown";
  return file.sha256 === row.sha256 ? "applied" : "edited";
}

/**
 * An applied migration is history: what another database is given must be what this one got.
 *
 * @throws VerbError (code 2) when an applied file was edited or removed, or a new one sorts before an applied one
 */
export function refuseRewrittenHistory(states: readonly MigrationState[]): void {
  const problems = states.flatMap(({ name, state, appliedAt }, index) => {
    if (state === "edited") {
      return [`${name}.sql was edited after it was applied at ${appliedAt}`];
    }
    if (state === "unknown") return [`${name}.sql was applied at ${appliedAt} and is gone`];
    const later = states.slice(index + 1).find((other) => other.state !== "pending");
    return state === "pending" && later !== undefined
      ? [`${name}.sql is new and comes before ${later.name}, which was applied already`]
      : [];
  });
  if (problems.length === 0) return;
  throw new VerbError(
    exitCodes.refused,
    `nothing was changed: ${problems.join("; ")}. Restore applied files as they were ` +
      "(git log -- infra/database/migrations) and put the change into a new file with the next number",
  );
}
