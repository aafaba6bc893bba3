import type pg from "pg";
import { recompute } from "../../infra/rollout/evidence/journal.ts";
import type { Recomputed } from "../../infra/rollout/evidence/journal.ts";
import { windowBetween, windowStart } from "../../infra/rollout/evidence/windows.ts";
import type { GateInput } from "../../infra/rollout/gate/checks.ts";
import { withConnection } from "../agents/migrate/connection.ts";
import type { MigrateSettings } from "../agents/migrate/settings.ts";
import { readChainEnd } from "../lib/journal-reader.ts";

/** Windows of the limits that are read, so that one of them is whole. */
const windows = 3;

/** What the journal says for a gate. */
type Journaled = Pick<GateInput, "judged" | "window">;

/**
 * Recomputes the newest verdict from the journal, and takes the last window of its counts.
 *
 * @param windowSeconds length of the windows over which limits are judged
 * @throws VerbError where the database cannot be used
 */
export async function readJournal(
  database: MigrateSettings,
  windowSeconds: number,
  signal: AbortSignal,
): Promise<Journaled> {
  const [entries, readAt] = await withConnection(database, "look", signal, async (client) => [
    await readChainEnd(client, windows * windowSeconds),
    await databaseTime(client),
  ]);
  const recomputed = [...recompute(entries)];
  const last = recomputed.at(-1);
  if (last === undefined) return { judged: undefined, window: undefined };
  const { row, state, verdict = last.journaled.verdict } = last;
  // Without the rows before it there is no verdict to compare with.
  const replayed = last.verdict === undefined ? null : last.same;
  const judged = { row, verdict, replayed, memory: state?.memory, readAt };
  return { judged, window: lastWindow(recomputed, last, windowSeconds) };
}

/** The database's clock, milliseconds since 1970. */
async function databaseTime(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ now: string }>(
    "SELECT 1000 * extract(epoch FROM clock_timestamp()) AS now",
  );
  return Number(rows[0]?.now);
}

/**
 * From the newest row that is older than a window; undefined where there is none at this stage of this attempt, or where
 * rows are missing and with them parts of the counts.
 */
function lastWindow(
  rows: readonly Recomputed[],
  { row: to, verdict }: Recomputed,
  windowSeconds: number,
): Journaled["window"] {
  const whole = verdict === undefined ? [] : rows.filter((one) => one.verdict !== undefined);
  const from = whole.findLast(
    ({ row: { at, attempt } }) =>
      attempt === to.attempt && at >= to.stage.since && to.at - at >= windowSeconds * 1000,
  )?.row;
  if (from === undefined) return undefined;
  const [start, end] = [windowStart(from, from.counts), windowStart(to, to.counts)];
  const seconds = (to.at - from.at) / 1000;
  return { seconds, sides: windowBetween(start, end, to.pool) };
}
