import { identifier, queryOne, type Session } from "./server.ts";

/**
 * Runs `work` while the connected role is a member of the given ones, and takes back what it had to grant for that. An
 * administrator who is no superuser needs it: objects that another role owns can only be changed by its members, and
 * since PostgreSQL 16 the creator of a role administers it without being its member.
 * Source: https://www.postgresql.org/docs/current/role-membership.html
 */
export async function asMemberOf<T>(
  session: Session,
  roles: readonly string[],
  work: () => Promise<T>,
): Promise<T> {
  const granted: string[] = [];
  for (const role of new Set(roles)) {
    if (await grantToSelf(session, role)) granted.push(role);
  }
  const result = await work();
  for (const role of granted) {
    const exists = await queryOne(session, "SELECT FROM pg_roles WHERE rolname = $1", [role]);
    if (exists) await session.query(`REVOKE ${identifier(role)} FROM CURRENT_USER`);
  }
  return result;
}

/** Becomes a member of a role if that is needed and possible; a superuser's role cannot be had. */
async function grantToSelf(session: Session, role: string): Promise<boolean> {
  const needed = await queryOne(
    session,
    `SELECT FROM pg_roles AS wanted, pg_roles AS self
     WHERE wanted.rolname = $1 AND self.rolname = CURRENT_USER AND wanted.oid <> self.oid
       AND NOT self.rolsuper AND NOT wanted.rolsuper
       AND NOT (pg_has_role(self.oid, wanted.oid, 'USAGE') AND pg_has_role(self.oid, wanted.oid, 'SET'))`,
    [role],
  );
  if (!needed) return false;
  await session.query(`GRANT ${identifier(role)} TO CURRENT_USER WITH INHERIT TRUE, SET TRUE`);
  return true;
}

/** Owner of a database. */
export async function databaseOwner(session: Session, database: string): Promise<string[]> {
  return owners(
    session,
    "SELECT pg_get_userbyid(datdba) AS owner FROM pg_database WHERE datname = $1",
    [database],
  );
}

/** Owners of the connected database, of a schema in it and of the tables and sequences there. */
export async function schemaOwners(session: Session, schema: string): Promise<string[]> {
  return owners(
    session,
    `SELECT pg_get_userbyid(datdba) AS owner FROM pg_database WHERE datname = current_database()
     UNION SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = $1
     UNION SELECT pg_get_userbyid(relowner) FROM pg_class
       WHERE relnamespace = to_regnamespace(quote_ident($1)) AND relkind IN ('r', 'p', 'v', 'm', 'S')`,
    [schema],
  );
}

async function owners(session: Session, text: string, values: string[]): Promise<string[]> {
  const { rows } = await session.query<{ owner: string }>(text, values);
  // Schema `public` belongs to this placeholder; who stands behind it is the owner of the database, listed anyway.
  return rows.map(({ owner }) => owner).filter((owner) => owner !== "pg_database_owner");
}
