import pg from "pg";
import { exitCodes, VerbError } from "../../lib/verb.ts";

/** SQLSTATE lock_not_available. */
const lockNotAvailable = "55P03";

interface Month {
  readonly partition: string;
  readonly attached: boolean;
  /** A detach that was begun and did not end. */
  readonly detaching: boolean;
}

/**
 * Deletes the months of `pool_metrics` that are older than those to keep. Each is detached concurrently, which readers and
 * writers of the other months do not notice, and dropped when nobody can see it any more. What an earlier run left
 * half detached or detached is finished.
 *
 * @param keepMonths full months before this one that stay, 1 or more
 * @returns names of the partitions that are gone, oldest first
 * @throws VerbError (code 3) when a transaction that is open for long is in the way; the next run goes on from there
 */
export async function pruneMetrics(
  client: pg.Client,
  keepMonths: number,
  onDone: (partition: string) => void,
): Promise<string[]> {
  const pruned: string[] = [];
  for (const month of await monthsBefore(client, keepMonths)) {
    const name = pg.escapeIdentifier(month.partition);
    try {
      if (month.attached) {
        const how = month.detaching ? "FINALIZE" : "CONCURRENTLY";
        await client.query(`ALTER TABLE pool_metrics DETACH PARTITION ${name} ${how}`);
      }
      await client.query(`DROP TABLE ${name}`);
    } catch (error) {
      const { code, message } = error as { code?: string; message: string };
      if (code !== lockNotAvailable) throw error;
      throw new VerbError(
        exitCodes.infrastructure,
        `${month.partition} is still in use by an open transaction (${message}); ` +
          `${pruned.length} older months are gone; run again when it is done`,
      );
    }
    pruned.push(month.partition);
    onDone(month.partition);
  }
  return pruned;
}

async function monthsBefore(client: pg.Client, keepMonths: number): Promise<Month[]> {
  const { rows } = await client.query<Month>(
    `SELECT relname AS partition, inhrelid IS NOT NULL AS attached, coalesce(inhdetachpending, false) AS detaching
     FROM pg_class LEFT JOIN pg_inherits ON inhrelid = pg_class.oid
     WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'
       AND relname ~ '^pool_metrics_[0-9]{4}_[0-9]{2}$'
       AND relname < to_char((now() AT TIME ZONE 'UTC') - make_interval(months => $1), '"pool_metrics_"YYYY_MM')
     ORDER BY relname`,
    [keepMonths],
  );
  return rows;
}
