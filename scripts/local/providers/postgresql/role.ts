import type { PropertyMap } from "../lib/properties.ts";
import { asMemberOf } from "./membership.ts";
import { flag, integer, text, texts, type ResourceKind } from "./resource-kind.ts";
import { scramVerifier } from "./scram.ts";
import { identifier, literal, queryOne, type Session } from "./server.ts";

/** Attributes that are on or off: input, word of the statement, value where the program says nothing. */
const attributes = [
  ["login", "LOGIN", false],
  ["inherit", "INHERIT", true],
  ["createDatabase", "CREATEDB", false],
  ["createRole", "CREATEROLE", false],
  ["superuser", "SUPERUSER", false],
  ["replication", "REPLICATION", false],
  ["bypassRowLevelSecurity", "BYPASSRLS", false],
] as const;

interface RoleRow {
  rolname: string;
  rolcanlogin: boolean;
  rolinherit: boolean;
  rolcreatedb: boolean;
  rolcreaterole: boolean;
  rolsuper: boolean;
  rolreplication: boolean;
  rolbypassrls: boolean;
  rolconnlimit: number;
  roles: string[];
  settings: string[] | null;
}

/** `postgresql.Role`: a login or a group. */
export const role: ResourceKind = {
  required: [],
  replacedBy: [],
  sets: ["roles"],
  autonamed: true,

  async create(server, inputs) {
    const name = text(inputs, "name") ?? "";
    await server.transaction(async (session) => {
      await session.query(`CREATE ROLE ${identifier(name)} ${options({}, inputs)}`);
      await applySettings(session, name, {}, inputs);
      await applyMemberships(session, name, {}, inputs);
    });
    return { id: name, outputs: inputs };
  },

  async update(server, id, before, after) {
    const oldName = text(before, "name") ?? id;
    const name = text(after, "name") ?? id;
    await server.transaction(async (session) => {
      if (name !== oldName) {
        await session.query(`ALTER ROLE ${identifier(oldName)} RENAME TO ${identifier(name)}`);
      }
      const changed = options(before, after);
      if (changed !== "") await session.query(`ALTER ROLE ${identifier(name)} ${changed}`);
      await applySettings(session, name, before, after);
      await applyMemberships(session, name, before, after);
    });
    return after;
  },

  async read(server, id, inputs) {
    const row = await server.session((session) =>
      queryOne<RoleRow>(
        session,
        `SELECT role.*, setting.settings, ARRAY(
           SELECT pg_get_userbyid(roleid)::text FROM pg_auth_members WHERE member = role.oid
         ) AS roles
         FROM pg_roles AS role
         LEFT JOIN LATERAL (
           SELECT setconfig AS settings FROM pg_db_role_setting
           WHERE setrole = role.oid AND setdatabase = 0
         ) AS setting ON true
         WHERE rolname = $1`,
        [text(inputs, "name") ?? id],
      ),
    );
    return row && { ...inputs, ...found(row, inputs) };
  },

  async delete(server, id, inputs) {
    if (flag(inputs, "skipDropRole")) return;
    // A role that was renamed keeps its first name as its id.
    const name = text(inputs, "name") ?? id;
    await server.transaction(async (session) => {
      const exists = await queryOne(session, "SELECT FROM pg_roles WHERE rolname = $1", [name]);
      if (!exists) return;
      if (!flag(inputs, "skipReassignOwned")) {
        await asMemberOf(session, [name], async () => {
          await session.query(`REASSIGN OWNED BY ${identifier(name)} TO CURRENT_USER`);
          await session.query(`DROP OWNED BY ${identifier(name)}`);
        });
      }
      await session.query(`DROP ROLE ${identifier(name)}`);
    });
  },
};

/**
 * The attributes that differ, as words of CREATE ROLE or ALTER ROLE. Only those: even to deny the ones of a superuser
 * takes a superuser.
 */
function options(before: PropertyMap, after: PropertyMap): string {
  const words: string[] = [];
  for (const [input, word, fallback] of attributes) {
    const wanted = flag(after, input, fallback);
    // `CREATE ROLE` starts from NOLOGIN, INHERIT and no privilege at all: the defaults above.
    if (wanted !== flag(before, input, fallback)) words.push(wanted ? word : `NO${word}`);
  }
  const limit = integer(after, "connectionLimit", -1);
  if (limit !== integer(before, "connectionLimit", -1)) {
    words.push(`CONNECTION LIMIT ${String(limit)}`);
  }
  const password = text(after, "password");
  if (password !== text(before, "password")) {
    const stored = password === undefined ? undefined : (scramVerifier(password) ?? password);
    words.push(`PASSWORD ${stored === undefined ? "NULL" : literal(stored)}`);
  }
  const until = text(after, "validUntil");
  if (until !== text(before, "validUntil"))
    words.push(`VALID UNTIL ${literal(until ?? "infinity")}`);
  return words.join(" ");
}

/** Settings of a role's sessions: input, setting, value for the statement. */
function settings(inputs: PropertyMap): Map<string, string | undefined> {
  const milliseconds = (name: string) => {
    const value = integer(inputs, name, 0);
    return value === 0 ? undefined : String(value);
  };
  const paths = texts(inputs, "searchPaths");
  const assumed = text(inputs, "assumeRole");
  return new Map([
    ["search_path", paths.length === 0 ? undefined : paths.map(identifier).join(", ")],
    ["statement_timeout", milliseconds("statementTimeout")],
    ["idle_in_transaction_session_timeout", milliseconds("idleInTransactionSessionTimeout")],
    ["role", assumed === undefined ? undefined : identifier(assumed)],
  ]);
}

async function applySettings(
  session: Session,
  name: string,
  before: PropertyMap,
  after: PropertyMap,
) {
  const old = settings(before);
  for (const [setting, value] of settings(after)) {
    if (value === old.get(setting)) continue;
    const change = value === undefined ? `RESET ${setting}` : `SET ${setting} TO ${value}`;
    await session.query(`ALTER ROLE ${identifier(name)} ${change}`);
  }
}

async function applyMemberships(
  session: Session,
  name: string,
  before: PropertyMap,
  after: PropertyMap,
) {
  const [old, wanted] = [texts(before, "roles"), texts(after, "roles")];
  for (const group of wanted.filter((group) => !old.includes(group))) {
    await session.query(`GRANT ${identifier(group)} TO ${identifier(name)}`);
  }
  for (const group of old.filter((group) => !wanted.includes(group))) {
    await session.query(`REVOKE ${identifier(group)} FROM ${identifier(name)}`);
  }
}

/** The row as inputs: what the program declared, and what differs from the defaults although it did not. */
function found(row: RoleRow, inputs: PropertyMap): PropertyMap {
  const values: PropertyMap = {
    name: row.rolname,
    login: row.rolcanlogin,
    inherit: row.rolinherit,
    createDatabase: row.rolcreatedb,
    createRole: row.rolcreaterole,
    superuser: row.rolsuper,
    replication: row.rolreplication,
    bypassRowLevelSecurity: row.rolbypassrls,
    connectionLimit: row.rolconnlimit,
    roles: row.roles,
    searchPaths: searchPaths(row.settings ?? []),
  };
  const defaults: PropertyMap = {
    ...Object.fromEntries(attributes.map(([input, , fallback]) => [input, fallback])),
    connectionLimit: -1,
    roles: [],
    searchPaths: [],
  };
  return Object.fromEntries(
    Object.entries(values).filter(
      ([key, value]) => key in inputs || JSON.stringify(value) !== JSON.stringify(defaults[key]),
    ),
  );
}

function searchPaths(settings: string[]): string[] {
  const setting = settings.find((each) => each.startsWith("search_path="));
  if (setting === undefined) return [];
  return setting
    .slice("search_path=".length)
    .split(", ")
    .map((path) => path.replace(/^"(.*)"$/, "$1").replaceAll('""', '"'));
}
