import { exitCodes, VerbError } from "../../lib/verb.ts";
import { readPasswordFile } from "./password-file.ts";

/** Where the database is, and how long to be patient. */
export interface MigrateSettings {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: string;
  /** `require` encrypts without checking the server's certificate, as libpq does. */
  readonly ssl: "require" | "disable";
  readonly patience: Patience;
}

/** How long to wait for what. */
export interface Patience {
  /** For the server to accept the connection. */
  readonly connectSeconds: number;
  /** For another run of the migrations to end. */
  readonly runnerLockSeconds: number;
  /** For a lock on a table, per attempt: longer, and every later statement on that table queues behind. */
  readonly tableLockMilliseconds: number;
  /** How often a migration is tried that did not get its lock on a table. */
  readonly attempts: number;
}

/** What suits a deployment, and ends before the Job's deadline does: then the reason is told. */
export const defaultPatience: Patience = {
  connectSeconds: 30,
  runnerLockSeconds: 45,
  tableLockMilliseconds: 3000,
  attempts: 5,
};

const sslModes = ["require", "disable"] as const;

/**
 * Reads libpq's environment variables PGHOST, PGPORT, PGDATABASE, PGUSER, PGPASSWORD or PGPASSFILE, and PGSSLMODE.
 *
 * @throws VerbError (code 2) that names every variable that is missing or wrong, or what is wrong with the file
 */
export function readSettings(
  environment: Readonly<Record<string, string | undefined>>,
): MigrateSettings {
  const required = ["PGHOST", "PGDATABASE", "PGUSER"] as const;
  const problems: string[] = required
    .filter((name) => !environment[name])
    .map((name) => `${name} is not set`);
  if (!environment.PGPASSWORD && !environment.PGPASSFILE) {
    problems.push("PGPASSWORD is not set, nor is PGPASSFILE");
  }
  const port = Number(environment.PGPORT ?? "5432");
  if (!Number.isInteger(port) || port < 1 || port > 65535) {
    problems.push(`PGPORT is "${environment.PGPORT}", use an integer from 1 to 65535`);
  }
  const ssl = sslModes.find((mode) => mode === (environment.PGSSLMODE ?? "require"));
  if (ssl === undefined) {
    problems.push(`PGSSLMODE is "${environment.PGSSLMODE}", use ${sslModes.join(" or ")}`);
  }
  if (problems.length > 0 || ssl === undefined) {
    throw new VerbError(exitCodes.refused, `the connection is incomplete: ${problems.join("; ")}`);
  }
  const value = (name: (typeof required)[number]) => environment[name] ?? "";
  const login = {
    host: value("PGHOST"),
    port,
    database: value("PGDATABASE"),
    user: value("PGUSER"),
  };
  const password = environment.PGPASSWORD || readPasswordFile(environment.PGPASSFILE ?? "", login);
  return { ...login, password, ssl, patience: defaultPatience };
}
