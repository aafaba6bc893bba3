import pg from "pg";
import type { DatabaseConfig } from "../../infra/config/migration-config.ts";
import { setCommand } from "../../infra/config/messages.ts";
import type { Problem } from "./finding.ts";

/** What a connection to the server came to: the server's version, or what is wrong. */
export type DatabaseAnswer = { readonly version: string } | { readonly problem: Problem };

const connectTimeoutMilliseconds = 8_000;

/**
 * Logs in to the server from this machine with the configured administrator, as the database provider will, and
 * looks whether that login may do what the stack needs.
 */
export async function logIn(
  database: DatabaseConfig<string>,
  signal: AbortSignal,
): Promise<DatabaseAnswer> {
  const client = new pg.Client({
    host: database.host,
    port: database.port,
    user: database.admin.user,
    password: database.admin.password,
    database: "postgres",
    ssl: database.ssl === "require" ? { rejectUnauthorized: false } : false,
    application_name: "pool-migration preflight",
    connectionTimeoutMillis: connectTimeoutMilliseconds,
    statement_timeout: connectTimeoutMilliseconds,
  });
  client.on("error", () => undefined);
  const end = () => client.end().catch(() => undefined);
  const abort = () => void end();
  signal.addEventListener("abort", abort, { once: true });
  try {
    await client.connect();
    const { rows } = await client.query<Login>(
      `SELECT rolcreatedb OR rolsuper AS "mayCreateDatabases", rolcreaterole OR rolsuper AS "mayCreateRoles",
              current_setting('server_version') AS version
         FROM pg_roles WHERE rolname = current_user`,
    );
    const [login] = rows;
    if (login === undefined) throw new Error("the server does not list the login's own role");
    return judgeLogin(database, login);
  } catch (error) {
    signal.throwIfAborted();
    return { problem: explain(database, error as Error & { code?: string }) };
  } finally {
    signal.removeEventListener("abort", abort);
    await end();
  }
}

/** A login as the server knows it. */
export interface Login {
  readonly mayCreateDatabases: boolean;
  readonly mayCreateRoles: boolean;
  readonly version: string;
}

/** Whether a login may create the stack's database and its roles. */
export function judgeLogin({ admin }: DatabaseConfig<string>, login: Login): DatabaseAnswer {
  const lacking = [
    ...(login.mayCreateDatabases ? [] : ["CREATEDB"]),
    ...(login.mayCreateRoles ? [] : ["CREATEROLE"]),
  ];
  if (lacking.length === 0) return { version: login.version };
  const user = pg.escapeIdentifier(admin.user);
  return {
    problem: {
      what: `The login ${admin.user} lacks ${lacking.join(" and ")}, with which the stack makes its database and roles.`,
      fix: `As a superuser of that server: ALTER ROLE ${user} ${lacking.join(" ")};`,
    },
  };
}

/** What a failed login means. Its message never holds the password. */
export function explain(
  database: DatabaseConfig<string>,
  error: Error & { code?: string | undefined },
): Problem {
  const { host, port, admin } = database;
  const address = `${host}:${String(port)}`;
  const says = error.message || error.code || "no connection";
  if (error.code === "28P01" || error.code === "28000" || error.code === "3D000") {
    return {
      what: `The server at ${address} refuses the login ${admin.user}: ${says}.`,
      fix:
        `Correct it (the password is asked for): ${setCommand(["database", "admin", "user"], "<login>")} ` +
        `&& ${setCommand(["database", "admin", "password"])}`,
    };
  }
  if (says.includes("does not support SSL")) return withoutTls(address);
  return {
    what: `From this machine the server at ${address} cannot be used: ${says}.`,
    fix:
      `Start it or open the way to it (pg_isready --host=${host} --port=${String(port)}), or correct the address: ` +
      setCommand(["database", "host"], "<host>"),
  };
}

/** The server does not speak TLS, and the configuration asks for it. */
export function withoutTls(address: string): Problem {
  return {
    what: `The server at ${address} does not offer TLS, and database.ssl is require.`,
    fix: `Switch TLS on at the server, or do without: ${setCommand(["database", "ssl"], "disable")}`,
  };
}
