import type pg from "pg";
import type { Attempt } from "../../infra/rollout/evidence/attempt.ts";
import type { JournaledVerdict } from "../../infra/rollout/evidence/journal.ts";

/** A verdict's place in the journal. */
export interface VerdictPlace {
  readonly writer: string;
  readonly sequence: number;
}

/** What is read of a verdict. */
export interface Extent {
  /** False leaves its session events out, which no verdict is recomputed from and which can be many megabytes. */
  readonly sessions?: boolean;
}

/** An attempt as it was recorded last, and the guard that did. */
export interface RecordedAttempt {
  readonly attempt: Attempt;
  readonly who: string;
}

/** Verdicts that are read at once, and the session events that may come with them: a chain begins with all of them. */
const page = { verdicts: 200, sessionBytes: 4 * 1024 * 1024 };

/** A row as the driver gives it: bigint as text, json as its value. */
type VerdictRow = Omit<JournaledVerdict, "sequence" | "sessions"> & {
  readonly sequence: string;
  readonly sessions: Buffer;
};

/**
 * Reads what is needed to recompute the newest verdict; session events are left out.
 *
 * @param seconds that its writer's verdicts go back at least, where the chain is that long
 * @returns the verdicts of its writer from the last one before that at which the chain can be entered; none in an empty
 *   journal
 */
export async function readChainEnd(client: pg.Client, seconds = 0): Promise<JournaledVerdict[]> {
  const { rows } = await client.query<{ writer: string; first: string | null; last: string }>(
    `SELECT writer, sequence AS last,
            (SELECT max(sequence) FROM verdicts AS entry
             WHERE entry.writer = newest.writer AND start IS NOT NULL
               AND (sequence = 1 OR evaluated_at <= newest.evaluated_at - make_interval(secs => $1))) AS first
     FROM (SELECT * FROM verdicts ORDER BY evaluated_at DESC, id DESC LIMIT 1) AS newest`,
    [seconds],
  );
  const [newest] = rows;
  if (newest === undefined) return [];
  const last = Number(newest.last);
  const span = { writer: newest.writer, first: Number(newest.first ?? last), last };
  const verdicts: JournaledVerdict[] = [];
  for await (const verdict of readSpan(client, span, { sessions: false })) verdicts.push(verdict);
  return verdicts;
}

/**
 * Reads what is needed to recompute a verdict.
 *
 * @returns the verdicts of its writer from the last one on at which the chain can be entered, up to this one
 */
export async function readChainTo(
  client: pg.Client,
  { writer, sequence }: VerdictPlace,
  extent: Extent = {},
): Promise<JournaledVerdict[]> {
  const { rows } = await client.query<{ first: string | null }>(
    "SELECT max(sequence) AS first FROM verdicts WHERE writer = $1 AND sequence <= $2 AND start IS NOT NULL",
    [writer, sequence],
  );
  const verdicts: JournaledVerdict[] = [];
  const first = Number(rows[0]?.first ?? 1);
  const span = { writer, first, last: sequence };
  for await (const verdict of readSpan(client, span, extent)) verdicts.push(verdict);
  return verdicts;
}

/**
 * Reads all verdicts, writer by writer, each writer's in sequence; never more than a page of them is in memory.
 *
 * @param filter `attempt`: name of an attempt; then a writer's verdicts are those of the attempt, and before them what is
 *   needed to recompute the first of them, be it of another attempt
 */
export async function* readVerdicts(
  client: pg.Client,
  filter: Extent & { readonly attempt?: string | undefined } = {},
): AsyncGenerator<JournaledVerdict> {
  const { rows } = await client.query<{ writer: string; first: string; last: string }>(
    `SELECT writer, last,
            coalesce((SELECT max(sequence) FROM verdicts AS entry
                      WHERE entry.writer = chain.writer AND sequence <= first AND start IS NOT NULL), first) AS first
     FROM (SELECT writer, min(sequence) AS first, max(sequence) AS last, min(id) AS begin
           FROM verdicts WHERE $1::text IS NULL OR attempt = $1 GROUP BY writer) AS chain
     ORDER BY begin`,
    [filter.attempt],
  );
  for (const { writer, first, last } of rows) {
    yield* readSpan(client, { writer, first: Number(first), last: Number(last) }, filter);
  }
}

/**
 * Number of the verdicts of an attempt, or of all.
 *
 * @returns undefined where the database has no table for them
 */
export async function countVerdicts(
  client: pg.Client,
  attempt: string | undefined,
): Promise<number | undefined> {
  const { rows: tables } = await client.query<{ there: boolean }>(
    "SELECT to_regclass('verdicts') IS NOT NULL AS there",
  );
  if (tables[0]?.there !== true) return undefined;
  const { rows } = await client.query<{ count: string }>(
    "SELECT count(*) FROM verdicts WHERE $1::text IS NULL OR attempt = $1",
    [attempt],
  );
  return Number(rows[0]?.count);
}

/** Reads every attempt as it was recorded last, in the order in which they began. */
export async function readAttempts(client: pg.Client): Promise<RecordedAttempt[]> {
  const { rows } = await client.query<{ record: Attempt; who: string }>(
    "SELECT DISTINCT ON (name) record, who FROM attempts ORDER BY name, version DESC",
  );
  return rows.map(({ record, who }) => ({ attempt: record, who }));
}

/** A place as the driver gives it. */
export function placeOf(row: { writer: string; sequence: string }): VerdictPlace {
  return { writer: row.writer, sequence: Number(row.sequence) };
}

async function* readSpan(
  client: pg.Client,
  { writer, first, last }: { writer: string; first: number; last: number },
  { sessions = true }: Extent,
): AsyncGenerator<JournaledVerdict> {
  const events = sessions ? "sessions" : "''::bytea AS sessions";
  for (let next = first; next <= last;) {
    const { rows } = await client.query<VerdictRow>(
      `SELECT writer, sequence, evidence_row AS row, verdict, start, sessions, cursors
       FROM (SELECT *, sum(octet_length(sessions)) OVER (ORDER BY sequence) - octet_length(sessions) AS bytes_before
             FROM (SELECT writer, sequence, evidence_row, verdict, start, cursors, ${events}
                   FROM verdicts WHERE writer = $1 AND sequence BETWEEN $2 AND $3
                   ORDER BY sequence LIMIT $4) AS page) AS measured
       WHERE bytes_before < $5 ORDER BY sequence`,
      [writer, next, last, page.verdicts, page.sessionBytes],
    );
    for (const row of rows) {
      yield {
        ...row,
        sequence: Number(row.sequence),
        sessions: row.sessions.toString("base64"),
      };
    }
    const end = rows.at(-1)?.sequence;
    if (end === undefined) return;
    next = Number(end) + 1;
  }
}
