import type { Queryable } from "./database.ts";
import { contentHash, type Definition } from "./program.ts";

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

interface ProgramRow {
  id: string;
  definition: Definition;
  created_at: Date;
  last_executed: Date | null;
  execution_count: string;
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

/** Counts an execution and returns the definition to execute; undefined = no such program. */
export async function takeForExecution(
  database: Queryable,
  sessionId: string,
  id: string,
): Promise<Definition | undefined> {
  const { rows } = await database.query<{ definition: Definition }>(
    `UPDATE pool_programs SET execution_count = execution_count + 1, last_executed = now()
     WHERE session_id = $1 AND id = $2 RETURNING definition`,
    [sessionId, id],
  );
  return rows[0]?.definition;
}

/** One page of a session's programs in the order of their ids, those after `after`. */
export async function listPrograms(
  database: Queryable,
  sessionId: string,
  limit: number,
  after: string,
): Promise<ProgramPage> {
  const { rows } = await database.query<ProgramRow>(
    `SELECT id, definition, created_at, last_executed, execution_count FROM pool_programs
     WHERE session_id = $1 AND id COLLATE "C" > $2 ORDER BY id COLLATE "C" LIMIT $3`,
    [sessionId, after, limit + 1],
  );
  const counted = await database.query<{ count: string }>(
    "SELECT count(*) FROM pool_programs WHERE session_id = $1",
    [sessionId],
  );
  const page = rows.slice(0, limit);
  return {
    programs: page.map((row) => ({
      id: row.id,
      created_at: row.created_at.toISOString(),
      last_executed: row.last_executed?.toISOString() ?? null,
      execution_count: Number(row.execution_count),
      signature: row.definition.signature,
    })),
    total_count: Number(counted.rows[0]?.count ?? 0),
    next_cursor: rows.length > limit ? (page.at(-1)?.id ?? null) : null,
  };
}

/** Deletes a program; false = there was none. */
export async function deleteProgram(
  database: Queryable,
  sessionId: string,
  id: string,
): Promise<boolean> {
  const { rowCount } = await database.query(
    "DELETE FROM pool_programs WHERE session_id = $1 AND id = $2",
    [sessionId, id],
  );
  return rowCount === 1;
}
