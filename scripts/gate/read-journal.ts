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
  const entries = await withConnection(database, "look", signal, (client) =>
    readChainEnd(client, windows * windowSeconds),
  );
  const recomputed = [...recompute(entries)];
  const last = recomputed.at(-1);
  if (last === undefined) return { judged: undefined, window: undefined };
  const { row, same } = last;
  const judged = { row, verdict: last.verdict ?? last.journaled.verdict, replayed: same };
  return { judged, window: lastWindow(recomputed, last, windowSeconds) };
}

/** From the newest row that is older than a window; undefined where there is none in this attempt. */
function lastWindow(
  rows: readonly Recomputed[],
  { row: to }: Recomputed,
  windowSeconds: number,
): Journaled["window"] {
  const from = rows.findLast(
    ({ row }) => row.attempt === to.attempt && to.at - row.at >= windowSeconds * 1000,
  )?.row;
  if (from === undefined) return undefined;
  const [start, end] = [windowStart(from, from.counts), windowStart(to, to.counts)];
  const seconds = (to.at - from.at) / 1000;
  return { seconds, sides: windowBetween(start, end, to.pool) };
}
