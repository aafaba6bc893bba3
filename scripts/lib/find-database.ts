import { loginPassword } from "../../infra/database/login-password.ts";
import { loginRole } from "../../infra/database/names.ts";
import { defaultPatience, readSettings } from "../agents/migrate/settings.ts";
import type { MigrateSettings } from "../agents/migrate/settings.ts";
import { exitCodes, VerbError } from "./verb.ts";
import { readConfig } from "../preflight/stack-config.ts";
import type { PlainConfig } from "../preflight/stack-config.ts";

/** Somebody waits for the answer; a server that starts is seen by asking again. */
const patience = { ...defaultPatience, connectSeconds: 2 };

/**
 * Where the database is and who looks: as libpq's variables say where PGHOST is set, else what the stack's own
 * configuration names, with the reader's login. Passwords travel in memory alone, never in a command line.
 *
 * @param stack as Pulumi takes it
 * @throws VerbError (code 2) when neither says it
 */
export async function findDatabase(
  stack: string,
  environment: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
): Promise<MigrateSettings> {
  return environment.PGHOST
    ? { ...readSettings(environment), patience }
    : databaseOfStack(stack, await readStack(stack, signal));
}

/**
 * The configuration of a stack, its secrets as plain text: never print it.
 *
 * @throws VerbError (code 2) where it cannot be read or used
 */
export async function readStack(stack: string, signal: AbortSignal): Promise<PlainConfig> {
  const { config, finding } = await readConfig(stack, stack.split("/").at(-1) ?? "", signal);
  if (config !== undefined) return config;
  const problems = finding.problems.map(({ what, fix }) => `  ${what} ${fix}`);
  throw new VerbError(
    exitCodes.refused,
    [
      `the configuration of stack ${stack}, which says where the database is: ${finding.detail}`,
      ...problems,
      "Without it: set PGHOST, PGPORT, PGDATABASE, PGUSER, PGSSLMODE, and PGPASSWORD or PGPASSFILE",
    ].join("\n"),
  );
}

/**
 * The database of a configuration, seen by its reader.
 *
 * @throws VerbError (code 2) when the stack has none
 */
export function databaseOfStack(
  stack: string,
  { database }: Pick<PlainConfig, "database">,
): MigrateSettings {
  if (database === undefined) {
    throw new VerbError(
      exitCodes.refused,
      `stack ${stack} has no database: nothing is set under pool-migration:database, so there are no tables to look at`,
    );
  }
  const { host, port, name, admin, ssl } = database;
  return {
    host,
    port,
    database: name,
    user: loginRole(name, "reader"),
    password: loginPassword(admin.password, name, "reader"),
    ssl,
    patience,
  };
}
