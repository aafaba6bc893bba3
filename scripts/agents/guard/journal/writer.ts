import type pg from "pg";
import { poolName } from "../../../../infra/rollout/names.ts";
import type { JournalEntry } from "../../../../infra/rollout/journal-entry.ts";

/** An entry that the database will never take. */
export interface Refusal {
  readonly kind: JournalEntry["kind"];
  /** What the database says. */
  readonly message: string;
}

interface Statement {
  readonly kind: JournalEntry["kind"];
  readonly text: string;
  readonly values: readonly unknown[];
}

/** SQLSTATE classes of a row that is wrong in itself: wrong data, a violated constraint, a limit of the program. */
const refusedStates = /^(22|23|54)/;

/**
 * Records entries as the writer, in one transaction; what is recorded already is left alone. Where one of them is refused
 * for good, each is tried by itself, so that the others are recorded.
 *
 * @returns those that were refused
 * @throws Error where the database does not answer or cannot do it now; the same entries may then be written again
 */
export async function writeEntries(
  client: pg.Client,
  entries: readonly JournalEntry[],
): Promise<Refusal[]> {
  const refusals: Refusal[] = [];
  const statements = entries.flatMap((entry) => {
    try {
      return [statementFor(entry)];
    } catch (error) {
      refusals.push({ kind: entry.kind, message: (error as Error).message });
      return [];
    }
  });
  if ((await execute(client, statements)) === undefined) return refusals;
  for (const statement of statements) {
    const refused = await execute(client, [statement]);
    if (refused !== undefined) refusals.push({ kind: statement.kind, message: refused });
  }
  return refusals;
}

/** Runs statements in one transaction. @returns why the database will never take one of them; then all are undone */
async function execute(
  client: pg.Client,
  statements: readonly Statement[],
): Promise<string | undefined> {
  await client.query("BEGIN");
  try {
    for (const { text, values } of statements) await client.query(text, [...values]);
    await client.query("COMMIT");
    return undefined;
  } catch (error) {
    // Where the connection is gone, the server rolls back by itself.
    await client.query("ROLLBACK").catch(() => undefined);
    const { code, message } = error as { code?: string; message: string };
    if (code !== undefined && refusedStates.test(code)) return message;
    throw error;
  }
}

function statementFor(entry: JournalEntry): Statement {
  switch (entry.kind) {
    case "verdict":
      return verdictStatement(entry);
    case "attempt":
      return attemptStatement(entry);
    case "metrics":
      return {
        kind: "metrics",
        text: `INSERT INTO pool_metrics (pool_name, recorded_at, metrics) VALUES ($1, $2, $3)
               ON CONFLICT (pool_name, recorded_at) DO NOTHING`,
        values: [poolName(entry.pool), new Date(entry.at), JSON.stringify(entry.metrics)],
      };
    case "stage":
      return stageStatement(entry);
    case "brake":
      return brakeStatement(entry);
    case "rollback":
      return rollbackStatement(entry);
  }
}

type Entry<K extends JournalEntry["kind"]> = Extract<JournalEntry, { kind: K }>;

function verdictStatement(entry: Entry<"verdict">): Statement {
  const { writer, sequence, row, verdict, start, cursors, sessions } = entry;
  return {
    kind: "verdict",
    text: `INSERT INTO verdicts (writer, sequence, attempt, evaluated_at, kind, severity, page, stage, percentage,
                                 reasons, evidence_row, verdict, start, cursors, sessions)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
           ON CONFLICT (writer, sequence) DO NOTHING`,
    values: [
      writer,
      sequence,
      row.attempt,
      new Date(row.at),
      verdict.kind,
      verdict.severity,
      verdict.page,
      row.stage.name,
      row.stage.percentage,
      JSON.stringify(verdict.reasons),
      JSON.stringify(row),
      JSON.stringify(verdict),
      start === null ? null : JSON.stringify(start),
      JSON.stringify(cursors),
      Buffer.from(sessions, "base64"),
    ],
  };
}

function attemptStatement({ attempt, who }: Entry<"attempt">): Statement {
  const { version, name, since, why, build, slowMilliseconds } = attempt;
  return {
    kind: "attempt",
    text: `INSERT INTO attempts (version, name, since, why, build, slow_milliseconds, who, record)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (name, version) DO NOTHING`,
    values: [
      version,
      name,
      new Date(since),
      why,
      build,
      slowMilliseconds,
      who,
      JSON.stringify(attempt),
    ],
  };
}

function stageStatement(entry: Entry<"stage">): Statement {
  const { at, revision, from, to, who, why } = entry;
  return {
    kind: "stage",
    text: `INSERT INTO stage_changes (changed_at, revision, from_stage, to_stage, from_percentage, to_percentage,
                                      who, why, source)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'guard')
           ON CONFLICT (revision) WHERE source = 'guard' DO NOTHING`,
    values: [
      new Date(at),
      revision,
      from?.stage ?? null,
      to.stage,
      from?.percentage ?? null,
      to.percentage,
      who,
      why,
    ],
  };
}

/** The ids that stand for "without an id" come back, and no constraint can tell one time from the next. */
function brakeStatement({ at, action, id, who, why, source }: Entry<"brake">): Statement {
  return {
    kind: "brake",
    text: `INSERT INTO brake_events (happened_at, action, engagement_id, who, why, source)
           SELECT $1::timestamptz, $2::text, $3::text, $4, $5, $6
           WHERE NOT EXISTS (SELECT FROM brake_events
                             WHERE engagement_id = $3 AND action = $2 AND happened_at = $1)
           ON CONFLICT DO NOTHING`,
    values: [new Date(at), action, id, who, why, source],
  };
}

function rollbackStatement(entry: Entry<"rollback">): Statement {
  const { engagement, attempt, decidedAt, zeroAt, drainedAt, reasons } = entry;
  const metadata = { engagement, attempt, zeroAt: new Date(zeroAt), reasons };
  return {
    kind: "rollback",
    text: `INSERT INTO migration_status (phase, status, started_at, completed_at, metadata)
           VALUES ('rollback', 'completed', $1, $2, $3)
           ON CONFLICT ((metadata ->> 'engagement')) WHERE phase = 'rollback' DO NOTHING`,
    values: [
      new Date(decidedAt),
      // The guard that decided has a clock of its own.
      new Date(Math.max(decidedAt, drainedAt)),
      JSON.stringify(metadata),
    ],
  };
}
