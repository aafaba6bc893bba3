/** Schema of the migration's tables, in the stack's database. */
export const schemaName = "pool_migration";

/** The three kinds of access to the database. */
export const accessKinds = ["owner", "writer", "reader"] as const;

/** `owner` changes tables, `writer` records what happens, `reader` reports on it. */
export type AccessKind = (typeof accessKinds)[number];

/**
 * Group role that holds the privileges of one kind of access. Roles belong to the whole server, so their names begin
 * with the database's; the SQL migrations build the same names from `current_database()`.
 */
export function groupRole(database: string, kind: AccessKind): string {
  return `${database}_${kind}`;
}

/** Role that logs in and is a member of the group role of the same kind. */
export function loginRole(database: string, kind: AccessKind): string {
  return `${groupRole(database, kind)}_login`;
}
