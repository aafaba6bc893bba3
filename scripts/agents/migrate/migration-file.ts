import { readSqlFiles } from "../../../infra/database/migrations.ts";
import type { SqlFile } from "../../../infra/database/migrations.ts";
import { exitCodes, VerbError } from "../../lib/verb.ts";

/** One migration: what to do and how to undo it. */
export interface MigrationFile extends SqlFile {
  readonly up: string;
  readonly down: string;
}

const namePattern = /^[0-9]{4}_[a-z0-9_]+$/;

/** The markers of node-pg-migrate's SQL files, here each alone on its line, up before down. */
const partsPattern = /^-- Up Migration$([^]*)^-- Down Migration$([^]*)/m;

/**
 * The migrations of a directory, in order.
 *
 * @throws VerbError (code 2) that names every file whose name or parts are not as they must be
 */
export function readMigrationFiles(directory: string): MigrationFile[] {
  const problems: string[] = [];
  const migrations = readSqlFiles(directory).map((file) => {
    if (!namePattern.test(file.name)) {
      problems.push(`${file.name}.sql is not named <4 digits>_<lower-case words>.sql`);
    }
    const [, up = "", down = ""] = partsPattern.exec(file.sql) ?? [];
    if (up.trim() === "" || down.trim() === "") {
      problems.push(
        `${file.name}.sql needs a line "-- Up Migration" with SQL below it, ` +
          'then a line "-- Down Migration" with SQL below it',
      );
    }
    return { ...file, up, down };
  });
  if (problems.length > 0) throw new VerbError(exitCodes.refused, problems.join("; "));
  return migrations;
}
