import { setTimeout as sleep } from "node:timers/promises";
import { runner } from "node-pg-migrate";
import type { MigrationBuilder } from "node-pg-migrate";
import pg from "pg";
import { schemaName } from "../../../infra/database/names.ts";
import { catalogRecording, noteFingerprint } from "./catalog.ts";
import type { MigrationFile } from "./migration-file.ts";
import { exitCodes, VerbError } from "../../lib/verb.ts";
import type { Patience } from "./settings.ts";

/** What to do with which files. */
export interface Application {
  readonly direction: "up" | "down";
  /** Directory of the files; all of them, so that the order can be checked. */
  readonly directory: string;
  readonly files: readonly MigrationFile[];
  /** Names of the migrations to apply or revert, in the order in which it happens. */
  readonly names: readonly string[];
  readonly patience: Patience;
  /** Told each migration that is done. */
  readonly onDone: (name: string) => void;
}

/** Table in which node-pg-migrate remembers what it ran. */
const migrationsTable = "schema_migrations";

/** SQLSTATE class of a full disk, too little memory, too many connections. */
const insufficientResources = "53";

/** SQLSTATE lock_not_available. */
const lockNotAvailable = "55P03";

/**
 * Applies or reverts migrations, each in a transaction of its own together with its row in the ledger: a run that
 * dies leaves whole migrations behind, never parts. A migration that does not get its lock on a table lets the
 * others pass and tries again.
 *
 * @throws VerbError (code 3) when a migration fails or never gets its locks; those before it stay
 */
export async function applyMigrations(client: pg.Client, application: Application): Promise<void> {
  for (const name of application.names) {
    await applyOne(client, application, name);
    application.onDone(name);
  }
}

async function applyOne(client: pg.Client, application: Application, name: string): Promise<void> {
  const { direction, patience } = application;
  for (let attempt = 1; ; attempt += 1) {
    try {
      await runner({ ...runnerOptions(client, application), file: name });
      return;
    } catch (error) {
      // Where the connection is gone, the server rolls back by itself.
      await client.query("ROLLBACK").catch(() => undefined);
      const { code, message } = error as { code?: string; message: string };
      if (code !== lockNotAvailable) {
        throw new VerbError(
          exitCodes.infrastructure,
          `${name}.sql (${direction}) failed and was rolled back: ${message}` +
            (code === undefined ? "" : ` (SQLSTATE ${code})`) +
            (code?.startsWith(insufficientResources)
              ? "; give the server what it lacks and run again"
              : ""),
        );
      }
      if (attempt >= patience.attempts) {
        throw new VerbError(
          exitCodes.infrastructure,
          `${name}.sql (${direction}) found a table locked: ${patience.attempts} attempts of ${patience.tableLockMilliseconds} ms; ` +
            `${await describeLockHolders(client)}; run again when they are done`,
        );
      }
    }
    // Jitter, so that a periodic job on the table is not met at the same moment each time.
    await sleep(patience.tableLockMilliseconds * (0.2 + 0.3 * Math.random()) * attempt);
  }
}

function runnerOptions(client: pg.Client, application: Application): Parameters<typeof runner>[0] {
  const quiet = () => undefined;
  return {
    dbClient: client,
    direction: application.direction,
    dir: application.directory,
    count: 1,
    schema: schemaName,
    migrationsTable,
    singleTransaction: false,
    // The caller holds the lock for all migrations, and for what follows them.
    noLock: true,
    logger: { info: quiet, warn: quiet, error: quiet, debug: quiet },
    migrationLoaderStrategies: [
      {
        extensions: [".sql"],
        loader: (paths) =>
          Promise.resolve(
            paths.map((path) => ({
              id: path,
              filePaths: [path],
              actions: withLedger(path, application.files),
            })),
          ),
      },
    ],
  };
}

/** A file's two parts, each with its entry in the ledger and what it changed, within the same transaction. */
function withLedger(path: string, files: readonly MigrationFile[]) {
  const file = files.find((candidate) => candidate.path === path);
  if (file === undefined) throw new Error(`${path} appeared while the migrations ran`);
  const name = pg.escapeLiteral(file.name);
  return {
    up: (builder: MigrationBuilder) => {
      builder.sql(catalogRecording.before);
      builder.sql(file.up);
      builder.sql(`
        INSERT INTO schema_migration_ledger (name, sha256, duration_ms, applied_by)
        VALUES (${name}, ${pg.escapeLiteral(file.sha256)},
                extract(epoch FROM clock_timestamp() - now()) * 1000, session_user)`);
      builder.sql(catalogRecording.after);
      builder.sql(noteFingerprint(name));
    },
    down: (builder: MigrationBuilder) => {
      builder.sql(catalogRecording.before);
      builder.sql(`DELETE FROM schema_migration_ledger WHERE name = ${name}`);
      builder.sql(file.down);
      builder.sql(catalogRecording.after);
    },
  };
}

async function describeLockHolders(client: pg.Client): Promise<string> {
  const { rows } = await client.query<{ session: string }>(
    `SELECT DISTINCT format('session %s (%s) holds %s on %s', pid,
              coalesce(nullif(application_name, ''), 'unnamed'), mode, relation::regclass) AS session
     FROM pg_locks
     JOIN pg_stat_activity USING (pid)
     JOIN pg_class ON pg_class.oid = relation
     WHERE granted AND pid <> pg_backend_pid()
       AND relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')
     LIMIT 5`,
  );
  return rows.map(({ session }) => session).join(", ") || "its holders are gone now";
}
