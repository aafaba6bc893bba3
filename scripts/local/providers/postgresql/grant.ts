import type { PropertyMap } from "../lib/properties.ts";
import { asMemberOf, databaseOwner, schemaOwners } from "./membership.ts";
import { checkPrivileges, inWordsOf } from "./privileges.ts";
import { flag, text, texts, type ResourceKind } from "./resource-kind.ts";
import { inDatabase } from "./schema.ts";
import {
  identifier,
  missing,
  roleName,
  sqlState,
  type DatabaseServer,
  type Session,
} from "./server.ts";

/** Types of object and their letter in `pg_class.relkind`, where they have one. */
const relationKinds: Record<string, string[]> = { table: ["r", "p", "v", "m"], sequence: ["S"] };
const types = ["database", "schema", ...Object.keys(relationKinds)];

/** `postgresql.Grant`: exactly these privileges of a role, on a database, a schema, or tables or sequences in a schema. */
export const grant: ResourceKind = {
  required: ["database", "objectType", "privileges", "role"],
  replacedBy: ["role", "database", "schema", "objectType", "objects", "withGrantOption"],
  sets: ["privileges", "objects"],

  check: (inputs) => [
    ...checkPrivileges(inputs, types),
    ...(text(inputs, "objectType") !== "database" && text(inputs, "schema") === undefined
      ? [["schema", "is needed for this objectType"] as [string, string]]
      : []),
  ],

  async create(server, inputs) {
    await apply(server, inputs, texts(inputs, "privileges"));
    return { id: idOf(inputs), outputs: inputs };
  },

  async update(server, _id, _before, after) {
    await apply(server, after, texts(after, "privileges"));
    return after;
  },

  async read(server, _id, inputs) {
    if (text(inputs, "role") === undefined) {
      throw new Error("A Grant cannot be imported: declare it, creating it again changes nothing.");
    }
    const granted = await inDatabase(server, text(inputs, "database"), (session) =>
      grantedOn(session, inputs),
    );
    if (granted === undefined) return undefined;
    return { ...inputs, privileges: inWordsOf(inputs, granted) };
  },

  async delete(server, _id, inputs) {
    try {
      await inDatabase(server, text(inputs, "database"), (session) => change(session, inputs, []));
    } catch (error) {
      // Without the role or the schema there is no privilege left.
      if (![missing.object, missing.schema].includes(sqlState(error) ?? "")) throw error;
    }
  },
};

function idOf(inputs: PropertyMap): string {
  return ["role", "database", "schema", "objectType"]
    .flatMap((name) => text(inputs, name) ?? [])
    .join("_");
}

function apply(server: DatabaseServer, inputs: PropertyMap, privileges: string[]): Promise<void> {
  return server.transaction(
    (session) => change(session, inputs, privileges),
    text(inputs, "database"),
  );
}

/** Replaces a role's privileges in one transaction, so that it is never without those that stay. */
async function change(session: Session, inputs: PropertyMap, privileges: string[]): Promise<void> {
  const schema = text(inputs, "schema");
  const involved =
    schema === undefined
      ? await databaseOwner(session, text(inputs, "database") ?? "")
      : await schemaOwners(session, schema);
  const [on, role] = [target(inputs), roleName(text(inputs, "role") ?? "")];
  await asMemberOf(session, involved, async () => {
    await session.query(`REVOKE ALL PRIVILEGES ON ${on} FROM ${role}`);
    if (privileges.length === 0) return;
    const further = flag(inputs, "withGrantOption") ? " WITH GRANT OPTION" : "";
    await session.query(`GRANT ${privileges.join(", ")} ON ${on} TO ${role}${further}`);
  });
}

function target(inputs: PropertyMap): string {
  const schema = identifier(text(inputs, "schema") ?? "");
  const type = text(inputs, "objectType") ?? "";
  if (type === "database") return `DATABASE ${identifier(text(inputs, "database") ?? "")}`;
  if (type === "schema") return `SCHEMA ${schema}`;
  const objects = texts(inputs, "objects");
  if (objects.length === 0) return `ALL ${type.toUpperCase()}S IN SCHEMA ${schema}`;
  const names = objects.map((object) => `${schema}.${identifier(object)}`);
  return `${type.toUpperCase()} ${names.join(", ")}`;
}

/** Privileges that the role has on every object that is meant; undefined if role or schema are gone. */
async function grantedOn(session: Session, inputs: PropertyMap): Promise<string[] | undefined> {
  const [role, type] = [text(inputs, "role") ?? "", text(inputs, "objectType") ?? ""];
  const query = {
    database: "SELECT datname::text AS name, datacl AS acl FROM pg_database WHERE datname = $2",
    schema: "SELECT nspname::text AS name, nspacl AS acl FROM pg_namespace WHERE nspname = $2",
  }[type];
  const relations = `SELECT relname::text AS name, relacl AS acl FROM pg_class
    WHERE relnamespace = to_regnamespace(quote_ident($2)) AND relkind::text = ANY($3)
      AND (cardinality($4::text[]) = 0 OR relname = ANY($4))`;
  const place = text(inputs, type === "database" ? "database" : "schema") ?? "";
  const values = [role, place];
  const further = query === undefined ? [relationKinds[type], texts(inputs, "objects")] : [];
  const { rows } = await session.query<{ granted: string[] }>(
    `SELECT ARRAY(
       SELECT privilege_type FROM aclexplode(object.acl)
       WHERE grantee = CASE WHEN lower($1) = 'public' THEN 0 ELSE to_regrole(quote_ident($1))::oid END
     ) AS granted FROM (${query ?? relations}) AS object`,
    [...values, ...further],
  );
  const isThere = await session.query(
    `SELECT FROM pg_roles WHERE rolname = $1 OR lower($1) = 'public' LIMIT 1`,
    [role],
  );
  if (isThere.rowCount === 0 || (query !== undefined && rows.length === 0)) return undefined;
  const wanted = texts(inputs, "privileges");
  const first = rows[0]?.granted ?? wanted;
  return first.filter((privilege) => rows.every(({ granted }) => granted.includes(privilege)));
}
