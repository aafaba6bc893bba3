import { PG_MIGRATE_LOCK_ID } from "node-pg-migrate";
import type pg from "pg";
import { waitUntil } from "../../lib/progress.ts";
import { exitCodes, VerbError } from "../../lib/verb.ts";

interface Holder {
  readonly pid: number;
  readonly application: string;
}

/**
 * Takes the advisory lock that lets one run at a time change a database's tables; it is the lock that
 * node-pg-migrate's own command takes. It ends with the connection, so a run that dies leaves none behind.
 *
 * @throws VerbError (code 2) that names the holder when the lock is not free in time
 */
export async function takeRunnerLock(
  client: pg.Client,
  timeoutSeconds: number,
  signal: AbortSignal = new AbortController().signal,
): Promise<void> {
  let holder: Holder | undefined;
  const outcome = await waitUntil({
    timeoutSeconds,
    intervalMilliseconds: 100,
    signal,
    describe: () => `waiting for another run of the migrations: ${describeHolder(holder)}`,
    look: async () => {
      const { rows } = await client.query<{ taken: boolean }>(
        "SELECT pg_try_advisory_lock($1) AS taken",
        [PG_MIGRATE_LOCK_ID],
      );
      if (rows[0]?.taken === true) return true;
      holder = await findHolder(client);
      return false;
    },
  });
  if (outcome === "timeLimit") {
    throw new VerbError(
      exitCodes.refused,
      `another run of the migrations did not end within ${timeoutSeconds} s: ` +
        `${describeHolder(holder)}; wait for it, or end it with SELECT pg_terminate_backend(<pid>)`,
    );
  }
}

async function findHolder(client: pg.Client): Promise<Holder | undefined> {
  const { rows } = await client.query<Holder>(
    `SELECT pid, application_name AS application
     FROM pg_locks JOIN pg_stat_activity USING (pid)
     WHERE locktype = 'advisory' AND granted AND objsubid = 1
       AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())
       AND (classid::bigint << 32) | objid::bigint = $1`,
    [PG_MIGRATE_LOCK_ID],
  );
  return rows[0];
}

function describeHolder(holder: Holder | undefined): string {
  return holder === undefined
    ? "its session is ending"
    : `session ${holder.pid} (${holder.application || "unnamed"})`;
}
