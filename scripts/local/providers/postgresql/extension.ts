import { asMemberOf, databaseOwner } from "./membership.ts";
import { flag, text, type ResourceKind } from "./resource-kind.ts";
import { inDatabase } from "./schema.ts";
import { identifier, literal, queryOne } from "./server.ts";

/** `postgresql.Extension`. */
export const extension: ResourceKind = {
  required: ["name"],
  replacedBy: ["name", "database"],

  async create(server, inputs) {
    const [name, schema, version] = ["name", "schema", "version"].map((key) => text(inputs, key));
    const database = text(inputs, "database");
    await server.transaction(async (session) => {
      await asMemberOf(session, await databaseOwner(session, database ?? ""), async () => {
        await session.query(
          `CREATE EXTENSION IF NOT EXISTS ${identifier(name ?? "")}` +
            (schema === undefined ? "" : ` SCHEMA ${identifier(schema)}`) +
            (version === undefined ? "" : ` VERSION ${literal(version)}`) +
            (flag(inputs, "createCascade") ? " CASCADE" : ""),
        );
      });
    }, database);
    return { id: [database, name].filter((part) => part !== undefined).join("."), outputs: inputs };
  },

  async update(server, _id, before, after) {
    const [name, schema, version] = ["name", "schema", "version"].map((key) => text(after, key));
    await server.transaction(
      async (session) => {
        const alter = `ALTER EXTENSION ${identifier(name ?? "")}`;
        if (schema !== undefined && schema !== text(before, "schema")) {
          await session.query(`${alter} SET SCHEMA ${identifier(schema)}`);
        }
        if (version !== undefined && version !== text(before, "version")) {
          await session.query(`${alter} UPDATE TO ${literal(version)}`);
        }
      },
      text(after, "database"),
    );
    return after;
  },

  async read(server, _id, inputs) {
    const row = await inDatabase(server, text(inputs, "database"), (session) =>
      queryOne<{ schema: string; version: string }>(
        session,
        `SELECT extnamespace::regnamespace::text AS schema, extversion AS version
         FROM pg_extension WHERE extname = $1`,
        [text(inputs, "name")],
      ),
    );
    if (row === undefined) return undefined;
    const declared = Object.entries(row).filter(([key]) => key in inputs);
    return { ...inputs, ...Object.fromEntries(declared) };
  },

  async delete(server, _id, inputs) {
    await inDatabase(server, text(inputs, "database"), async (session) => {
      const behaviour = flag(inputs, "dropCascade") ? "CASCADE" : "RESTRICT";
      await session.query(
        `DROP EXTENSION IF EXISTS ${identifier(text(inputs, "name") ?? "")} ${behaviour}`,
      );
      return undefined;
    });
  },
};
