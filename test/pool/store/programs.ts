import { contentHash, type Definition } from "../program.ts";
import type { Queryable } from "./database.ts";
import { alive } from "./sessions.ts";

/** One program as `list_programs` shows it. */
interface ListedProgram {
  readonly id: string;
  readonly created_at: string;
  readonly last_executed: string | null;
  readonly execution_count: number;
  readonly signature: Definition["signature"];
}

/** One page of a session's programs. */
export interface ProgramPage {
  readonly programs: readonly ListedProgram[];
  readonly total_count: number;
  readonly next_cursor: string | null;
}

/** What became of a create. */
export interface Stored {
  readonly outcome: "created" | "exists" | "conflict";
  readonly createdAt: string;
}

/** A program as it is stored. */
export interface StoredProgram extends ListedProgram {
  readonly definition: Definition;
}

interface ProgramRow {
  id: string;
  definition: Definition;
  created_at: Date;
  last_executed: Date | null;
  execution_count: string;
}

const columns = "p.id, p.definition, p.created_at, p.last_executed, p.execution_count";

function fromRow(row: ProgramRow): StoredProgram {
  return {
    id: row.id,
    definition: row.definition,
    created_at: row.created_at.toISOString(),
    last_executed: row.last_executed?.toISOString() ?? null,
    execution_count: Number(row.execution_count),
    signature: row.definition.signature,
  };
}

/** The part of a program that lists show. */
function listed({ id, created_at, last_executed, execution_count, signature }: StoredProgram) {
  return { id, created_at, last_executed, execution_count, signature };
}

/** Stores a program under its session; the same definition again is no error, another one is. */
export async function storeProgram(
  database: Queryable,
  sessionId: string,
  id: string,
  definition: Definition,
): Promise<Stored> {
  const hash = contentHash(definition);
  const inserted = await database.query<{ created_at: Date }>(
    `INSERT INTO pool_programs (session_id, id, definition, definition_hash)
     VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING RETURNING created_at`,
    [sessionId, id, JSON.stringify(definition), hash],
  );
  const created = inserted.rows[0];
  if (created) return { outcome: "created", createdAt: created.created_at.toISOString() };
  const found = await database.query<{ created_at: Date; definition_hash: string }>(
    "SELECT created_at, definition_hash FROM pool_programs WHERE session_id = $1 AND id = $2",
    [sessionId, id],
  );
  const present = found.rows[0];
  // Deleted between the two statements: the caller's next attempt creates it.
  if (!present) return { outcome: "conflict", createdAt: new Date().toISOString() };
  return {
    outcome: present.definition_hash === hash ? "exists" : "conflict",
    createdAt: present.created_at.toISOString(),
  };
}

/** Looks a program up. */
export async function findProgram(
  database: Queryable,
  sessionId: string,
  ttlSeconds: number,
  id: string,
): Promise<StoredProgram | "noProgram" | "noSession"> {
  const { rows } = await database.query<Partial<ProgramRow>>(
    `SELECT ${columns} FROM pool_sessions s
     LEFT JOIN pool_programs p ON p.session_id = s.id AND p.id = $3
     WHERE s.id = $1 AND ${alive}`,
    [sessionId, ttlSeconds, id],
  );
  const [row] = rows;
  if (!row) return "noSession";
  return typeof row.id === "string" ? fromRow(row as ProgramRow) : "noProgram";
}

/** Counts an execution. */
export async function countExecution(
  database: Queryable,
  sessionId: string,
  id: string,
): Promise<void> {
  await database.query(
    `UPDATE pool_programs SET execution_count = execution_count + 1, last_executed = now()
     WHERE session_id = $1 AND id = $2`,
    [sessionId, id],
  );
}

/** One page of a session's programs in the order of their ids, those after `after`. */
export async function listPrograms(
  database: Queryable,
  sessionId: string,
  ttlSeconds: number,
  page: { readonly limit: number; readonly after: string },
): Promise<ProgramPage> {
  const from = `FROM pool_programs p JOIN pool_sessions s ON s.id = p.session_id
     WHERE s.id = $1 AND ${alive}`;
  const { rows } = await database.query<ProgramRow>(
    `SELECT ${columns} ${from} AND p.id COLLATE "C" > $3 ORDER BY p.id COLLATE "C" LIMIT $4`,
    [sessionId, ttlSeconds, page.after, page.limit + 1],
  );
  const counted = await database.query<{ count: string }>(`SELECT count(*) ${from}`, [
    sessionId,
    ttlSeconds,
  ]);
  const shown = rows.slice(0, page.limit);
  return {
    programs: shown.map((row) => listed(fromRow(row))),
    total_count: Number(counted.rows[0]?.count ?? 0),
    next_cursor: rows.length > page.limit ? (shown.at(-1)?.id ?? null) : null,
  };
}

/** Deletes a program; false = there was none. */
export async function deleteProgram(
  database: Queryable,
  sessionId: string,
  ttlSeconds: number,
  id: string,
): Promise<boolean> {
  const { rowCount } = await database.query(
    `DELETE FROM pool_programs p USING pool_sessions s
     WHERE s.id = p.session_id AND s.id = $1 AND ${alive} AND p.id = $3`,
    [sessionId, ttlSeconds, id],
  );
  return rowCount === 1;
}
