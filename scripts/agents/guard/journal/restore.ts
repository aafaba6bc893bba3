import type pg from "pg";
import { recompute } from "../../../../infra/rollout/evidence/journal.ts";
import type { EvidenceRow } from "../../../../infra/rollout/evidence/row.ts";
import { eventBytes } from "../../../../infra/rollout/evidence/session-events.ts";
import { placeOf, readChainTo } from "../../../lib/journal-reader.ts";

/** What a guard needs to go on with an attempt. */
export interface Restored {
  /** Row of the newest verdict, with all its counts. */
  readonly row: EvidenceRow;
  /** Number of each source's last record that is counted in it. */
  readonly cursors: Readonly<Record<string, number>>;
  /** Session events of the attempt in the order of recording, base64: at least all that are counted. */
  readonly sessions: readonly string[];
}

/** Rows that are looked at at once, and bytes of session events that are read at once: a chain begins with megabytes. */
const page = { rows: 2_000, bytes: 100_000 * eventBytes };

/**
 * Reads what the journal knows of an attempt: the newest verdict of a guard that knew everything, else the newest one. Routers
 * tell what came after.
 *
 * @param besides writers whose verdicts do not count: they rest on less than what is read here
 * @returns undefined where it knows nothing
 * @throws Error where the database does not answer, or the newest verdicts cannot be recomputed
 */
export async function readRestored(
  client: pg.Client,
  attempt: string,
  besides: readonly string[],
): Promise<Restored | undefined> {
  await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
  const newest =
    (await newestVerdict(client, attempt, besides, "AND (evidence_row ->> 'complete')::boolean")) ??
    (await newestVerdict(client, attempt, besides, ""));
  if (newest === undefined) return undefined;
  const verdicts = await readChainTo(client, placeOf(newest), { sessions: false });
  const chain = [...recompute(verdicts)];
  // After a gap a chain has only parts of the counts until it can be entered again.
  const whole = chain.findLast(({ row, verdict }) => verdict && row.attempt === attempt);
  if (whole === undefined) {
    throw new Error(
      `the verdicts of ${newest.writer} before number ${newest.sequence} are missing, and with them the counts of ${attempt}`,
    );
  }
  const sessions = await readSessions(client, attempt);
  await client.query("COMMIT");
  return { row: whole.row, cursors: whole.journaled.cursors, sessions };
}

async function newestVerdict(
  client: pg.Client,
  attempt: string,
  besides: readonly string[],
  condition: string,
): Promise<{ writer: string; sequence: string } | undefined> {
  const { rows } = await client.query<{ writer: string; sequence: string }>(
    `SELECT writer, sequence FROM verdicts WHERE attempt = $1 AND writer <> ALL ($2) ${condition}
     ORDER BY evaluated_at DESC, id DESC LIMIT 1`,
    [attempt, besides],
  );
  return rows[0];
}

/**
 * A chain that began with complete evidence began with all that earlier ones have: only what was recorded since, or
 * seen since and recorded earlier, is read. An attempt with a million sessions and ten guards would else fill the memory.
 */
async function readSessions(client: pg.Client, attempt: string): Promise<string[]> {
  const { rows: begins } = await client.query<{ id: string; evaluated_at: Date }>(
    `SELECT id, evaluated_at FROM verdicts
     WHERE attempt = $1 AND sequence = 1 AND (evidence_row ->> 'complete')::boolean
     ORDER BY evaluated_at DESC, id DESC LIMIT 1`,
    [attempt],
  );
  const [begin] = begins;
  const sessions: string[] = [];
  for (let last = "0"; ;) {
    const { rows } = await client.query<Page>(
      `SELECT max(id) AS last, (array_agg(octet_length(sessions) ORDER BY id DESC))[1] AS length,
              ${base64("string_agg(substring(sessions FROM 1 FOR $6), '' ORDER BY id)")} AS events
       FROM (SELECT *, sum(octet_length(sessions)) OVER (ORDER BY id) - octet_length(sessions) AS bytes_before
             FROM (SELECT id, sessions FROM verdicts
                   WHERE attempt = $1 AND id > $2 AND (id >= $3 OR evaluated_at >= $4)
                   ORDER BY id LIMIT $5) AS page) AS measured
       WHERE bytes_before < $6`,
      [attempt, last, begin?.id ?? "0", begin?.evaluated_at ?? new Date(0), page.rows, page.bytes],
    );
    const [found] = rows;
    if (found?.last == null) return sessions;
    last = found.last;
    if (found.events !== "") sessions.push(found.events);
    // Only the last row of a page can be too large for it.
    for (let read = page.bytes; read < found.length; read += page.bytes) {
      sessions.push(await readPart(client, last, read));
    }
  }
}

/** What the rows of a page have together. */
interface Page {
  /** Id of the last; null where there are none. */
  readonly last: string | null;
  /** Bytes of the last. */
  readonly length: number;
  /** Base64. */
  readonly events: string;
}

async function readPart(client: pg.Client, id: string, after: number): Promise<string> {
  const { rows } = await client.query<{ events: string }>(
    `SELECT ${base64("substring(sessions FROM $2 + 1 FOR $3)")} AS events FROM verdicts WHERE id = $1`,
    [id, after, page.bytes],
  );
  return rows[0]?.events ?? "";
}

/** Encoded by the server, so that no other form of it has to be in memory here. */
function base64(bytes: string): string {
  return `translate(encode(${bytes}, 'base64'), E'\\n', '')`;
}
