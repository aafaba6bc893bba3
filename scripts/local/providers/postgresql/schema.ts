import { asMemberOf, schemaOwners } from "./membership.ts";
import { flag, text, type ResourceKind } from "./resource-kind.ts";
import { identifier, missing, queryOne, sqlState, type DatabaseServer } from "./server.ts";

/** `postgresql.Schema`. */
export const schema: ResourceKind = {
  required: [],
  replacedBy: ["database"],
  autonamed: true,

  check: (inputs) =>
    "policies" in inputs && JSON.stringify(inputs["policies"]) !== "[]"
      ? [["policies", "is deprecated; use the resource Grant"]]
      : [],

  async create(server, inputs) {
    const name = text(inputs, "name") ?? "";
    const owner = text(inputs, "owner");
    await server.transaction(
      async (session) => {
        const involved = [
          ...(await schemaOwners(session, name)),
          ...(owner === undefined ? [] : [owner]),
        ];
        await asMemberOf(session, involved, async () => {
          const unless = flag(inputs, "ifNotExists", true) ? "IF NOT EXISTS " : "";
          const owned = owner === undefined ? "" : ` AUTHORIZATION ${identifier(owner)}`;
          await session.query(`CREATE SCHEMA ${unless}${identifier(name)}${owned}`);
          if (owner !== undefined) {
            // One that existed already keeps its owner otherwise.
            await session.query(`ALTER SCHEMA ${identifier(name)} OWNER TO ${identifier(owner)}`);
          }
        });
      },
      text(inputs, "database"),
    );
    return { id: `${text(inputs, "database") ?? ""}.${name}`, outputs: inputs };
  },

  async update(server, _id, before, after) {
    const [oldName, name] = [text(before, "name") ?? "", text(after, "name") ?? ""];
    const owner = text(after, "owner");
    await server.transaction(
      async (session) => {
        const involved = [
          ...(await schemaOwners(session, oldName)),
          ...(owner === undefined ? [] : [owner]),
        ];
        await asMemberOf(session, involved, async () => {
          if (name !== oldName) {
            await session.query(
              `ALTER SCHEMA ${identifier(oldName)} RENAME TO ${identifier(name)}`,
            );
          }
          if (owner !== undefined && owner !== text(before, "owner")) {
            await session.query(`ALTER SCHEMA ${identifier(name)} OWNER TO ${identifier(owner)}`);
          }
        });
      },
      text(after, "database"),
    );
    return after;
  },

  async read(server, id, inputs) {
    const [fromId, ...rest] = id.split(".");
    const database = text(inputs, "database") ?? fromId;
    const name = text(inputs, "name") ?? rest.join(".");
    const row = await inDatabase(server, database, (session) =>
      queryOne<{ owner: string }>(
        session,
        "SELECT pg_get_userbyid(nspowner) AS owner FROM pg_namespace WHERE nspname = $1",
        [name],
      ),
    );
    if (row === undefined) return undefined;
    const owner = "owner" in inputs || Object.keys(inputs).length === 0 ? { owner: row.owner } : {};
    return { ...inputs, ...(database === undefined ? {} : { database }), name, ...owner };
  },

  async delete(server, _id, inputs) {
    const name = text(inputs, "name") ?? "";
    await inDatabase(server, text(inputs, "database"), async (session) => {
      const involved = await schemaOwners(session, name);
      await asMemberOf(session, involved, async () => {
        const behaviour = flag(inputs, "dropCascade") ? "CASCADE" : "RESTRICT";
        await session.query(`DROP SCHEMA IF EXISTS ${identifier(name)} ${behaviour}`);
      });
      return undefined;
    });
  },
};

/** Runs `work` in a transaction of a database; undefined if the database is gone, and with it what was in it. */
export async function inDatabase<T>(
  server: DatabaseServer,
  name: string | undefined,
  work: Parameters<typeof server.transaction<T>>[0],
): Promise<T | undefined> {
  try {
    return await server.transaction(work, name);
  } catch (error) {
    if (sqlState(error) === missing.database) return undefined;
    throw error;
  }
}
