import { PoolError } from "../errors.ts";
import type { Queryable } from "./database.ts";

/** SQL condition: the session `s` has not expired; `$2` is the time to live in seconds. */
export const alive = "s.last_used > now() - make_interval(secs => $2)";

/**
 * Makes sure that a session exists, and holds it until the end of the transaction: writes for one
 * session come one after the other, whichever pod they reach.
 */
export async function holdSession(
  transaction: Queryable,
  id: string,
  ttlSeconds: number,
): Promise<void> {
  const hold = (): Promise<{ rowCount: number | null }> =>
    transaction.query(
      `INSERT INTO pool_sessions AS s (id) VALUES ($1)
       ON CONFLICT (id) DO UPDATE SET last_used = now() WHERE ${alive}`,
      [id, ttlSeconds],
    );
  if ((await hold()).rowCount === 1) return;
  // Expired, and not swept yet: nothing of it may be seen in the new one.
  await transaction.query("DELETE FROM pool_sessions WHERE id = $1", [id]);
  await hold();
}

/** Keeps a used session from expiring; once per twentieth of its time is enough. What has expired stays so. */
export async function touchSession(
  database: Queryable,
  id: string,
  ttlSeconds: number,
): Promise<void> {
  await database.query(
    `UPDATE pool_sessions AS s SET last_used = now()
     WHERE id = $1 AND ${alive} AND last_used < now() - make_interval(secs => $2::float8 / 20)`,
    [id, ttlSeconds],
  );
}

/** Ends a session; undefined = there was none, else the number of programs removed. */
export async function endSession(
  transaction: Queryable,
  id: string,
  ttlSeconds: number,
): Promise<number | undefined> {
  const held = await transaction.query(
    `SELECT FROM pool_sessions s WHERE id = $1 AND ${alive} FOR UPDATE`,
    [id, ttlSeconds],
  );
  if (held.rowCount === 0) return undefined;
  const removed = await transaction.query("DELETE FROM pool_programs WHERE session_id = $1", [id]);
  await transaction.query("DELETE FROM pool_sessions WHERE id = $1", [id]);
  return removed.rowCount ?? 0;
}

/** Stores a session's settings of the language model. */
export async function storeLanguageModel(
  database: Queryable,
  id: string,
  settings: object,
): Promise<void> {
  await database.query("UPDATE pool_sessions SET language_model = $2 WHERE id = $1", [
    id,
    JSON.stringify(settings),
  ]);
}

/** Number of sessions that have not expired. */
export async function countSessions(database: Queryable, ttlSeconds: number): Promise<number> {
  const { rows } = await database.query<{ count: string }>(
    "SELECT count(*) FROM pool_sessions WHERE last_used > now() - make_interval(secs => $1)",
    [ttlSeconds],
  );
  return Number(rows[0]?.count ?? 0);
}

/** Deletes expired sessions with their programs. */
export async function sweepSessions(database: Queryable, ttlSeconds: number): Promise<void> {
  await database.query(
    "DELETE FROM pool_sessions WHERE last_used <= now() - make_interval(secs => $1)",
    [ttlSeconds],
  );
}

/** The refusal for a session that nothing was ever written to, or that has expired. */
export function sessionNotFound(id: string): PoolError {
  return new PoolError("session_not_found", `There is no session "${id}".`);
}
