import type pg from "pg";
import { transaction, type Queryable } from "./database.ts";
import { PoolError } from "../errors.ts";
import type { Answer } from "../operations/operation.ts";

/** An answer, and whether it is the stored one of an earlier request. */
export interface KeyedAnswer extends Answer {
  readonly replayed: boolean;
}

/** How long a request waits for another one with the same key before it is answered 409. */
const waitForSameKeyMs = 250;

/**
 * Runs an operation at most once per session and Idempotency-Key, whichever pool or pod gets it.
 *
 * The key's row is inserted in the transaction that also holds the operation's effects. While it is
 * open, PostgreSQL lets an insert of the same key wait; when the process that holds it dies, its
 * connection breaks, the row vanishes and the waiting request runs the operation itself.
 * @throws PoolError `request_in_progress`, `idempotency_key_reused`, or a retryable one of `operation`.
 */
export async function runOnce(
  pool: pg.Pool,
  sessionId: string,
  key: string,
  requestHash: string,
  operation: (database: Queryable) => Promise<Answer>,
): Promise<KeyedAnswer> {
  return await transaction(pool, async (client) => {
    if (!(await claimKey(client, sessionId, key, requestHash))) {
      return await storedAnswer(client, sessionId, key, requestHash);
    }
    const answer = await operation(client).catch((error: unknown) => {
      // A final refusal is a result like any other; everything else leaves no trace of the key.
      if (error instanceof PoolError && !error.retryable && error.status < 500) {
        return { status: error.status, body: { error: error.detail } };
      }
      throw error;
    });
    await client.query(
      "UPDATE pool_idempotency_keys SET status = $3, body = $4 WHERE session_id = $1 AND key = $2",
      [sessionId, key, answer.status, JSON.stringify(answer.body)],
    );
    return { ...answer, replayed: false };
  });
}

async function claimKey(
  client: Queryable,
  sessionId: string,
  key: string,
  requestHash: string,
): Promise<boolean> {
  await client.query(`SET LOCAL lock_timeout = ${waitForSameKeyMs}`);
  try {
    const { rowCount } = await client.query(
      `INSERT INTO pool_idempotency_keys (session_id, key, request_hash)
       VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
      [sessionId, key, requestHash],
    );
    return rowCount === 1;
  } catch (error) {
    const lockTimeout = "55P03";
    if ((error as { code?: unknown }).code !== lockTimeout) throw error;
    throw new PoolError("request_in_progress", "A request with the same key is running.", 1);
  }
}

async function storedAnswer(
  client: Queryable,
  sessionId: string,
  key: string,
  requestHash: string,
): Promise<KeyedAnswer> {
  const { rows } = await client.query<{
    request_hash: string;
    status: number;
    body: Record<string, unknown>;
  }>(
    `SELECT request_hash, status, body FROM pool_idempotency_keys
     WHERE session_id = $1 AND key = $2`,
    [sessionId, key],
  );
  const stored = rows[0];
  // Swept between the two statements.
  if (!stored) {
    throw new PoolError("request_in_progress", "The key has just expired.", 1);
  }
  if (stored.request_hash !== requestHash) {
    throw new PoolError("idempotency_key_reused", "The key was used for another request.");
  }
  return { status: stored.status, body: stored.body, replayed: true };
}

/** Deletes keys older than the 24 hours for which the contract keeps them. */
export async function sweepKeys(database: Queryable): Promise<void> {
  await database.query(
    "DELETE FROM pool_idempotency_keys WHERE created_at < now() - interval '24 hours'",
  );
}
