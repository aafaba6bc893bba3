import pg from "pg";
import { PoolError } from "../errors.ts";

/** Anything that runs one SQL statement: the connection pool, or a client within a transaction. */
export type Queryable = Pick<pg.Pool, "query">;

/** Any number, the same in every pool process: only one at a time creates the tables. */
const schemaLock = 7_305_401_122;

const schema = `
CREATE TABLE IF NOT EXISTS pool_sessions (
  id text PRIMARY KEY,
  created_at timestamptz NOT NULL DEFAULT now(),
  last_used timestamptz NOT NULL DEFAULT now(),
  language_model jsonb
);
CREATE TABLE IF NOT EXISTS pool_programs (
  session_id text NOT NULL REFERENCES pool_sessions (id) ON DELETE CASCADE,
  id text NOT NULL,
  definition jsonb NOT NULL,
  definition_hash text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  last_executed timestamptz,
  execution_count bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (session_id, id)
);
CREATE TABLE IF NOT EXISTS pool_idempotency_keys (
  session_id text NOT NULL,
  key text NOT NULL,
  request_hash text NOT NULL,
  status integer,
  body jsonb,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (session_id, key)
);
CREATE INDEX IF NOT EXISTS pool_sessions_last_used ON pool_sessions (last_used);
CREATE INDEX IF NOT EXISTS pool_idempotency_keys_created_at ON pool_idempotency_keys (created_at);
`;

/**
 * SQLSTATE classes and codes that say "the server is away" or "it does not get to it", not "the
 * statement is wrong" (https://www.postgresql.org/docs/current/errcodes-appendix.html).
 */
const awayStates = /^(08...|57P0[1-5]|57014|55P03|53300)$/;
const awayCodes = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "EPIPE",
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "ENOTFOUND",
  "EAI_AGAIN",
  "ENETUNREACH",
]);
const awayMessages =
  /Connection terminated|timeout exceeded when trying to connect|Query read timeout|Cannot use a pool after/;

/** Whether an error means that the database cannot be reached or is stopping. */
export function isDatabaseAway(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.some(isDatabaseAway);
  if (!(error instanceof Error)) return false;
  const { code } = error as Error & { code?: unknown };
  if (typeof code === "string" && (awayStates.test(code) || awayCodes.has(code))) return true;
  return awayMessages.test(error.message);
}

/** What the pool answers while the database is away: nothing was stored, so it may be sent again. */
export function databaseAwayError(): PoolError {
  return new PoolError("pool_unavailable", "The pool cannot reach its database.", 1);
}

/**
 * A connection pool with limits on every wait, so that a database that hangs costs seconds and a
 * database that is gone costs nothing. Connections are made anew by themselves once it is back.
 */
export function connect(databaseUrl: string, version: string): pg.Pool {
  const pool = new pg.Pool({
    connectionString: databaseUrl,
    application_name: `pool-${version}`,
    max: 10,
    connectionTimeoutMillis: 3000,
    idleTimeoutMillis: 30_000,
    statement_timeout: 4000,
    query_timeout: 5000,
    idle_in_transaction_session_timeout: 60_000,
    keepAlive: true,
  });
  // An idle connection that breaks is dropped by the pool; without a listener it would end us.
  pool.on("error", () => undefined);
  return pool;
}

/** The last thing that the schema makes: where it is, everything is. */
const lastOfSchema = "pool_idempotency_keys_created_at";

/**
 * Creates the pool's own tables; safe when several processes do it at once, and each time again. What is there is
 * left alone: even `CREATE INDEX IF NOT EXISTS` waits for all writers, and lets all others wait behind it.
 */
export async function createTables(pool: pg.Pool): Promise<void> {
  await transaction(pool, async (client) => {
    await client.query("SELECT pg_advisory_xact_lock($1)", [schemaLock]);
    const { rows } = await client.query<{ present: boolean }>(
      "SELECT to_regclass($1) IS NOT NULL AS present",
      [lastOfSchema],
    );
    if (rows[0]?.present !== true) await client.query(schema);
  });
}

/** Runs `work` in one transaction: committed when it returns, rolled back when it throws. */
export async function transaction<T>(
  pool: pg.Pool,
  work: (client: pg.PoolClient) => Promise<T>,
): Promise<T> {
  const client = await pool.connect();
  let broken = false;
  // A connection that breaks between two statements reports it as an event.
  const onError = (): void => {
    broken = true;
  };
  client.on("error", onError);
  try {
    await client.query("BEGIN");
    const result = await work(client);
    await client.query("COMMIT");
    return result;
  } catch (error) {
    await client.query("ROLLBACK").catch(() => (broken = true));
    throw error;
  } finally {
    client.off("error", onError);
    client.release(broken);
  }
}
