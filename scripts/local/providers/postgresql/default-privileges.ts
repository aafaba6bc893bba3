import type { PropertyMap } from "../lib/properties.ts";
import { asMemberOf } from "./membership.ts";
import { checkPrivileges, inWordsOf } from "./privileges.ts";
import { flag, text, texts, type ResourceKind } from "./resource-kind.ts";
import { inDatabase } from "./schema.ts";
import { identifier, missing, queryOne, roleName, sqlState, type Session } from "./server.ts";

/** Types of object and their letter in `pg_default_acl.defaclobjtype`. */
const letters: Record<string, string> = {
  table: "r",
  sequence: "S",
  function: "f",
  type: "T",
  schema: "n",
};

/** `postgresql.DefaultPrivileges`: what a role may do with what another one will create. */
export const defaultPrivileges: ResourceKind = {
  required: ["database", "objectType", "owner", "privileges", "role"],
  replacedBy: ["role", "database", "owner", "schema", "objectType", "withGrantOption"],
  sets: ["privileges"],

  check: (inputs) => [
    ...checkPrivileges(inputs, Object.keys(letters)),
    ...(text(inputs, "objectType") === "schema" && text(inputs, "schema") !== undefined
      ? [["schema", "cannot be given where objectType is schema"] as [string, string]]
      : []),
  ],

  async create(server, inputs) {
    const privileges = texts(inputs, "privileges");
    const database = text(inputs, "database");
    await server.transaction((session) => change(session, inputs, privileges), database);
    return { id: idOf(inputs), outputs: inputs };
  },

  async update(server, _id, _before, after) {
    const privileges = texts(after, "privileges");
    const database = text(after, "database");
    await server.transaction((session) => change(session, after, privileges), database);
    return after;
  },

  async read(server, _id, inputs) {
    if (text(inputs, "role") === undefined) {
      throw new Error(
        "DefaultPrivileges cannot be imported: declare them, creating them again changes nothing.",
      );
    }
    const granted = await inDatabase(server, text(inputs, "database"), async (session) => {
      const row = await queryOne<{ granted: string[] }>(
        session,
        `SELECT ARRAY(
           SELECT privilege_type FROM pg_default_acl, aclexplode(defaclacl) AS entry
           WHERE defaclobjtype::text = $1 AND pg_get_userbyid(defaclrole) = $2
             AND defaclnamespace = CASE WHEN $3 = '' THEN 0 ELSE to_regnamespace(quote_ident($3))::oid END
             AND entry.grantee = CASE WHEN lower($4) = 'public' THEN 0 ELSE to_regrole(quote_ident($4))::oid END
         ) AS granted`,
        [
          letters[text(inputs, "objectType") ?? ""],
          text(inputs, "owner"),
          text(inputs, "schema") ?? "",
          text(inputs, "role"),
        ],
      );
      return row?.granted;
    });
    if (granted === undefined) return undefined;
    if (granted.length === 0 && texts(inputs, "privileges").length > 0) return undefined;
    return { ...inputs, privileges: inWordsOf(inputs, granted) };
  },

  async delete(server, _id, inputs) {
    try {
      await inDatabase(server, text(inputs, "database"), (session) => change(session, inputs, []));
    } catch (error) {
      if (![missing.object, missing.schema].includes(sqlState(error) ?? "")) throw error;
    }
  },
};

function idOf(inputs: PropertyMap): string {
  const name = (key: string) => text(inputs, key) ?? "noschema";
  return [name("role"), name("database"), name("schema"), name("owner"), name("objectType")].join(
    "_",
  );
}

async function change(session: Session, inputs: PropertyMap, privileges: string[]): Promise<void> {
  const [owner, schema] = [text(inputs, "owner") ?? "", text(inputs, "schema")];
  const role = roleName(text(inputs, "role") ?? "");
  const objects = `${(text(inputs, "objectType") ?? "").toUpperCase()}S`;
  const within = schema === undefined ? "" : ` IN SCHEMA ${identifier(schema)}`;
  const alter = `ALTER DEFAULT PRIVILEGES FOR ROLE ${identifier(owner)}${within}`;
  await asMemberOf(session, [owner], async () => {
    await session.query(`${alter} REVOKE ALL ON ${objects} FROM ${role}`);
    if (privileges.length === 0) return;
    const further = flag(inputs, "withGrantOption") ? " WITH GRANT OPTION" : "";
    await session.query(
      `${alter} GRANT ${privileges.join(", ")} ON ${objects} TO ${role}${further}`,
    );
  });
}
