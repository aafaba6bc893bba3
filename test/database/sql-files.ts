import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { migrationsDirectory, readSqlFiles } from "../../infra/database/migrations.ts";
import { projectDirectories, status } from "../../scripts/agents/migrate/commands.ts";
import type { CommandContext, SqlDirectories } from "../../scripts/agents/migrate/commands.ts";

/** Names of the project's migrations, in order. */
export const migrationNames = readSqlFiles(migrationsDirectory).map(({ name }) => name);

/** Copies of the project's SQL files that may be changed. */
export class SqlFileCopies {
  private readonly directories: string[] = [];

  /** A fresh copy in a directory of its own. */
  async make(): Promise<SqlDirectories> {
    const directory = await mkdtemp(join(tmpdir(), "pool-migration-sql-"));
    this.directories.push(directory);
    const copy = { migrations: join(directory, "migrations"), verify: join(directory, "verify") };
    await cp(projectDirectories.migrations, copy.migrations, { recursive: true });
    await cp(projectDirectories.verify, copy.verify, { recursive: true });
    return copy;
  }

  /** Removes all of them. */
  async remove(): Promise<void> {
    await Promise.all(this.directories.map((directory) => rm(directory, { recursive: true })));
  }
}

/** Text of a migration. */
export const migrationText = (up: string, down: string) =>
  `-- Up Migration\n${up};\n\n-- Down Migration\n${down};\n`;

/** The same context with less patience. */
export function impatient(
  context: CommandContext,
  patience: Partial<CommandContext["settings"]["patience"]>,
): CommandContext {
  const { settings } = context;
  return {
    ...context,
    settings: { ...settings, patience: { ...settings.patience, ...patience } },
  };
}

/** Names of the migrations that the ledger has and whose files are the project's. */
export async function appliedNames(context: CommandContext): Promise<string[]> {
  const { migrations } = await status(context);
  return migrations.filter(({ state }) => state === "applied").map(({ name }) => name);
}
