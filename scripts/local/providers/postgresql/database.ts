import type { PropertyMap } from "../lib/properties.ts";
import { asMemberOf, databaseOwner } from "./membership.ts";
import { flag, integer, text, type ResourceKind } from "./resource-kind.ts";
import { identifier, literal, queryOne, type Session } from "./server.ts";

interface DatabaseRow {
  datname: string;
  owner: string;
  encoding: string;
  datcollate: string;
  datctype: string;
  datistemplate: boolean;
  datallowconn: boolean;
  datconnlimit: number;
  tablespace: string;
}

/** `postgresql.Database`. */
export const database: ResourceKind = {
  required: [],
  replacedBy: ["template", "encoding", "lcCollate", "lcCtype"],
  autonamed: true,

  async create(server, inputs) {
    const name = text(inputs, "name") ?? "";
    const owner = text(inputs, "owner");
    await server.session((session) =>
      asMemberOf(session, owner === undefined ? [] : [owner], async () => {
        await session.query(`CREATE DATABASE ${identifier(name)} ${creation(inputs)}`);
      }),
    );
    return { id: name, outputs: inputs };
  },

  async update(server, id, before, after) {
    const [oldName, name] = [text(before, "name") ?? id, text(after, "name") ?? id];
    await server.session(async (session) => {
      const owner = text(after, "owner");
      const involved = [
        ...(await databaseOwner(session, oldName)),
        ...(owner === undefined ? [] : [owner]),
      ];
      await asMemberOf(session, involved, async () => {
        for (const change of alterations(before, after)) {
          await session.query(`ALTER DATABASE ${identifier(oldName)} ${change}`);
        }
        if (name !== oldName) {
          await session.query(
            `ALTER DATABASE ${identifier(oldName)} RENAME TO ${identifier(name)}`,
          );
        }
      });
    });
    return after;
  },

  async read(server, id, inputs) {
    const row = await server.session((session) =>
      readDatabase(session, text(inputs, "name") ?? id),
    );
    if (row === undefined) return undefined;
    const found: PropertyMap = {
      name: row.datname,
      owner: row.owner,
      encoding: row.encoding,
      lcCollate: row.datcollate,
      lcCtype: row.datctype,
      isTemplate: row.datistemplate,
      allowConnections: row.datallowconn,
      connectionLimit: row.datconnlimit,
      tablespaceName: row.tablespace,
    };
    // What the program leaves to the server is no drift.
    const declared = Object.entries(found).filter(([key]) => key in inputs);
    return Object.keys(inputs).length === 0
      ? { name: row.datname, owner: row.owner }
      : { ...inputs, ...Object.fromEntries(declared) };
  },

  async delete(server, id, inputs) {
    const name = text(inputs, "name") ?? id;
    await server.session(async (session) => {
      await asMemberOf(session, await databaseOwner(session, name), async () => {
        await session.query(`DROP DATABASE IF EXISTS ${identifier(name)} WITH (FORCE)`);
      });
    });
  },
};

function creation(inputs: PropertyMap): string {
  const owner = text(inputs, "owner");
  const values = [
    ["ENCODING", text(inputs, "encoding"), literal],
    ["LC_COLLATE", text(inputs, "lcCollate"), literal],
    ["LC_CTYPE", text(inputs, "lcCtype"), literal],
    ["TABLESPACE", text(inputs, "tablespaceName"), identifier],
    // A template other than the default is wanted where the encoding differs from that of the server.
    ["TEMPLATE", text(inputs, "template") ?? "template0", identifier],
  ] as const;
  return [
    ...(owner === undefined ? [] : [`OWNER ${identifier(owner)}`]),
    ...values.flatMap(([word, value, quote]) =>
      value === undefined ? [] : [`${word} ${quote(value)}`],
    ),
    `ALLOW_CONNECTIONS ${String(flag(inputs, "allowConnections", true))}`,
    `CONNECTION LIMIT ${String(integer(inputs, "connectionLimit", -1))}`,
    `IS_TEMPLATE ${String(flag(inputs, "isTemplate"))}`,
  ].join(" ");
}

function alterations(before: PropertyMap, after: PropertyMap): string[] {
  const changes: string[] = [];
  const owner = text(after, "owner");
  if (owner !== undefined && owner !== text(before, "owner")) {
    changes.push(`OWNER TO ${identifier(owner)}`);
  }
  const tablespace = text(after, "tablespaceName");
  if (tablespace !== undefined && tablespace !== text(before, "tablespaceName")) {
    changes.push(`SET TABLESPACE ${identifier(tablespace)}`);
  }
  const limit = integer(after, "connectionLimit", -1);
  if (limit !== integer(before, "connectionLimit", -1)) {
    changes.push(`WITH CONNECTION LIMIT ${String(limit)}`);
  }
  for (const [input, word, fallback] of [
    ["allowConnections", "ALLOW_CONNECTIONS", true],
    ["isTemplate", "IS_TEMPLATE", false],
  ] as const) {
    const wanted = flag(after, input, fallback);
    if (wanted !== flag(before, input, fallback)) changes.push(`WITH ${word} ${String(wanted)}`);
  }
  return changes;
}

function readDatabase(session: Session, name: string) {
  return queryOne<DatabaseRow>(
    session,
    `SELECT datname, pg_get_userbyid(datdba) AS owner, pg_encoding_to_char(encoding) AS encoding,
       datcollate, datctype, datistemplate, datallowconn, datconnlimit, spcname AS tablespace
     FROM pg_database JOIN pg_tablespace ON pg_tablespace.oid = dattablespace WHERE datname = $1`,
    [name],
  );
}
