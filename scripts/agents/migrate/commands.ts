import type pg from "pg";
import {
  digestOf,
  migrationsDirectory,
  readSqlFiles,
  verifyDirectory,
} from "../../../infra/database/migrations.ts";
import type { SqlFile } from "../../../infra/database/migrations.ts";
import { exitCodes, VerbError } from "../../lib/verb.ts";
import { applyMigrations } from "./apply.ts";
import { compareCatalog } from "./catalog.ts";
import type { CatalogComparison } from "./catalog.ts";
import { withConnection } from "./connection.ts";
import type { Purpose } from "./connection.ts";
import { compareWithLedger, readLedger, refuseRewrittenHistory } from "./ledger.ts";
import type { MigrationState } from "./ledger.ts";
import { readMigrationFiles } from "./migration-file.ts";
import type { MigrationFile } from "./migration-file.ts";
import { pruneMetrics } from "./prune.ts";
import { takeRunnerLock } from "./runner-lock.ts";
import type { MigrateSettings } from "./settings.ts";
import { findProblems } from "./verify.ts";

/** Where the SQL files are. */
export interface SqlDirectories {
  readonly migrations: string;
  readonly verify: string;
}

/** The project's own files. */
export const projectDirectories: SqlDirectories = {
  migrations: migrationsDirectory,
  verify: verifyDirectory,
};

/** What a command works with. */
export interface CommandContext {
  readonly settings: MigrateSettings;
  readonly directories: SqlDirectories;
  /** Told what happens while it happens, one line each. */
  readonly progress: (line: string) => void;
  /** Ends waiting. */
  readonly signal?: AbortSignal | undefined;
}

/** What a command found or did. */
export interface CommandResult {
  /** Names of the migrations that this run applied or reverted, or of the partitions that it deleted, in that order. */
  readonly changed: readonly string[];
  /** All migrations, in order. */
  readonly migrations: readonly MigrationState[];
  /** What the verify queries found; undefined where the command does not ask. */
  readonly problems: readonly string[] | undefined;
  /** The tables against what the migrations made; undefined where the command does not ask, or nothing is recorded. */
  readonly catalog: CatalogComparison | undefined;
}

/**
 * Partitions of pool_metrics that are kept ready, in months after this one. They cost next to nothing, and a maintenance
 * that fails has time to be noticed.
 */
const monthsAhead = 12;

/**
 * Applies what is pending, makes the partitions of the coming months, and verifies the result. A second run changes
 * nothing; two runs at once do it one after the other.
 *
 * @param expectedDigest digest of the files that the caller means; absent: whatever is here
 */
export function up(context: CommandContext, expectedDigest?: string): Promise<CommandResult> {
  const files = readMigrationFiles(context.directories.migrations);
  const queries = readSqlFiles(context.directories.verify);
  refuseOtherFiles([...files, ...queries], expectedDigest);
  return withRunnerLock(context, async (client) => {
    const states = compareWithLedger(files, await readLedger(client));
    refuseRewrittenHistory(states);
    const pending = states.filter(({ state }) => state === "pending").map(({ name }) => name);
    const changed: string[] = [];
    await applyMigrations(client, {
      direction: "up",
      directory: context.directories.migrations,
      files,
      names: pending,
      patience: context.settings.patience,
      onDone: (name) => {
        changed.push(name);
        context.progress(`applied ${name}`);
      },
    });
    await ensurePartitions(client, context);
    return {
      changed,
      migrations: compareWithLedger(files, await readLedger(client)),
      problems: await findProblems(client, queries),
      catalog: await compareCatalog(client),
    };
  });
}

/**
 * Reverts the newest migrations, with the data in their tables.
 *
 * @param count number of migrations, 1 or more
 */
export function down(context: CommandContext, count: number): Promise<CommandResult> {
  const files = readMigrationFiles(context.directories.migrations);
  return withRunnerLock(context, async (client) => {
    const ledger = await readLedger(client);
    refuseRewrittenHistory(compareWithLedger(files, ledger));
    const changed: string[] = [];
    await applyMigrations(client, {
      direction: "down",
      directory: context.directories.migrations,
      files,
      names: ledger
        .slice(-count)
        .map(({ name }) => name)
        .toReversed(),
      patience: context.settings.patience,
      onDone: (name) => {
        changed.push(name);
        context.progress(`reverted ${name}`);
      },
    });
    const migrations = compareWithLedger(files, await readLedger(client));
    return { changed, migrations, problems: undefined, catalog: undefined };
  });
}

/**
 * Deletes old months of the pools' samples.
 *
 * @param keepMonths full months before this one that stay, 1 or more
 */
export function prune(context: CommandContext, keepMonths: number): Promise<CommandResult> {
  const files = readMigrationFiles(context.directories.migrations);
  return withRunnerLock(context, (client) => pruned(client, context, files, keepMonths));
}

/**
 * Makes the partitions of the coming months and deletes those of old ones; nobody who writes or reads other months waits
 * for it. A second run changes nothing.
 *
 * @param keepMonths full months before this one that stay, 1 or more
 */
export function maintain(context: CommandContext, keepMonths: number): Promise<CommandResult> {
  const files = readMigrationFiles(context.directories.migrations);
  return withRunnerLock(context, async (client) => {
    // Before anything is deleted, which a transaction that is open for long can prevent.
    await ensurePartitions(client, context);
    return pruned(client, context, files, keepMonths);
  });
}

/**
 * Which migrations are applied, pending, edited or unknown, where the tables differ from what the migrations made, and
 * what the verify queries find. Changes nothing, waits for no lock, and needs no more than the reader's login.
 */
export function status(context: CommandContext): Promise<CommandResult> {
  const files = readMigrationFiles(context.directories.migrations);
  return withClient(context, "look", async (client) => {
    const ledger = await readLedger(client);
    return {
      changed: [],
      migrations: compareWithLedger(files, ledger),
      // Where nothing is applied, everything would be missing.
      problems: ledger.length === 0 ? undefined : await verifyTables(client, context),
      catalog: await compareCatalog(client),
    };
  });
}

/** Runs the verify queries. Changes nothing and waits for no lock. */
export function verify(context: CommandContext): Promise<CommandResult> {
  const files = readMigrationFiles(context.directories.migrations);
  return withClient(context, "look", async (client) => ({
    changed: [],
    migrations: compareWithLedger(files, await readLedger(client)),
    problems: await verifyTables(client, context),
    catalog: undefined,
  }));
}

async function pruned(
  client: pg.Client,
  { progress }: CommandContext,
  files: readonly MigrationFile[],
  keepMonths: number,
): Promise<CommandResult> {
  const changed = await pruneMetrics(client, keepMonths, (month) => progress(`deleted ${month}`));
  const migrations = compareWithLedger(files, await readLedger(client));
  return { changed, migrations, problems: undefined, catalog: undefined };
}

function verifyTables(client: pg.Client, { directories }: CommandContext): Promise<string[]> {
  return findProblems(client, readSqlFiles(directories.verify));
}

function refuseOtherFiles(files: readonly SqlFile[], expectedDigest: string | undefined): void {
  const digest = digestOf(files);
  if (expectedDigest === undefined || digest === expectedDigest) return;
  throw new VerbError(
    exitCodes.refused,
    `the SQL files here have the digest ${digest}, expected is ${expectedDigest}: the tools image was built ` +
      "from another version of the project; build it anew and set images.tools to it",
  );
}

async function ensurePartitions(client: pg.Client, { progress }: CommandContext): Promise<void> {
  const { rows } = await client.query<{ created: number }>(
    "SELECT ensure_partitions($1) AS created",
    [monthsAhead],
  );
  const created = rows[0]?.created ?? 0;
  if (created > 0) progress(`made ${created} partitions of pool_metrics`);
}

function withRunnerLock<T>(
  context: CommandContext,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  return withClient(context, "change", async (client) => {
    const { runnerLockSeconds } = context.settings.patience;
    await takeRunnerLock(client, runnerLockSeconds, context.signal);
    return work(client);
  });
}

function withClient<T>(
  { settings, signal }: CommandContext,
  purpose: Purpose,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  return withConnection(settings, purpose, signal, work);
}
