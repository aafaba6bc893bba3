import pg from "pg";
import { accessKinds, groupRole, loginRole, schemaName } from "../../infra/database/names.ts";
import type { AccessKind } from "../../infra/database/names.ts";
import { projectDirectories } from "../../scripts/agents/migrate/commands.ts";
import type { CommandContext } from "../../scripts/agents/migrate/commands.ts";
import { defaultPatience } from "../../scripts/agents/migrate/settings.ts";
import type { MigrateSettings } from "../../scripts/agents/migrate/settings.ts";
import type { TestPostgres } from "../lib/postgres.ts";

/** Password of every login. */
export const password = "loopback-only";

/** How a server is reached as its superuser. */
type Server = Pick<TestPostgres, "password" | "port" | "url" | "user">;

/** A database with the roles, schema and privileges that the stack declares, and no tables yet. */
export interface PreparedDatabase {
  readonly settings: MigrateSettings;
  /** Context of a command that tells nobody about its progress. */
  readonly context: CommandContext;
  /** A connection as one of the three logins; closed by `close`. */
  connect(kind: AccessKind): Promise<pg.Client>;
  /** A connection as the superuser; closed by `close`. */
  connectAsSuperuser(): Promise<pg.Client>;
  /** Closes all connections. */
  close(): Promise<void>;
}

/**
 * Makes a database as an administrator who is no superuser (CREATEDB, CREATEROLE): what the stack's resources do, in
 * SQL.
 */
export async function prepareDatabase(server: Server, name: string): Promise<PreparedDatabase> {
  const clients: pg.Client[] = [];
  const connect = async (config: pg.ClientConfig): Promise<pg.Client> => {
    const client = new pg.Client({ host: "127.0.0.1", port: server.port, password, ...config });
    client.on("error", () => undefined);
    await client.connect();
    clients.push(client);
    return client;
  };
  await ensureAdministrator(server);
  const admin = await connect({ user: "administrator", database: "postgres" });
  const [owner, writer, reader] = accessKinds.map((kind) => groupRole(name, kind));
  for (const kind of accessKinds) {
    const [group, login] = [groupRole(name, kind), loginRole(name, kind)];
    await admin.query(`CREATE ROLE ${group}`);
    await admin.query(`CREATE ROLE ${login} LOGIN PASSWORD '${password}' IN ROLE ${group}`);
    await admin.query(`ALTER ROLE ${login} SET search_path = ${schemaName}`);
  }
  await admin.query(`GRANT ${owner} TO administrator`);
  await admin.query(`CREATE DATABASE ${name} OWNER ${owner}`);
  const inside = await connect({ user: "administrator", database: name });
  await inside.query(`
    CREATE SCHEMA ${schemaName} AUTHORIZATION ${owner};
    SET ROLE ${owner};
    GRANT CONNECT ON DATABASE ${name} TO ${writer}, ${reader}, administrator;
    REVOKE ALL ON DATABASE ${name} FROM PUBLIC;
    ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
    GRANT USAGE ON SCHEMA ${schemaName} TO ${writer}, ${reader};
    ALTER DEFAULT PRIVILEGES IN SCHEMA ${schemaName} GRANT SELECT, INSERT ON TABLES TO ${writer};
    ALTER DEFAULT PRIVILEGES IN SCHEMA ${schemaName} GRANT SELECT ON TABLES TO ${reader};
  `);
  const settings: MigrateSettings = {
    host: "127.0.0.1",
    port: server.port,
    database: name,
    user: loginRole(name, "owner"),
    password,
    ssl: "disable",
    patience: { ...defaultPatience, connectSeconds: 10, runnerLockSeconds: 20 },
  };
  return {
    settings,
    context: { settings, directories: projectDirectories, progress: () => undefined },
    connect: (kind) => connect({ user: loginRole(name, kind), database: name }),
    connectAsSuperuser: () =>
      connect({ user: server.user, password: server.password, database: name }),
    close: async () => {
      await Promise.all(clients.map((client) => client.end()));
    },
  };
}

/** Makes the login `administrator`, no superuser, if there is none yet, with the password of all logins here. */
export async function ensureAdministrator(server: Server): Promise<void> {
  const client = new pg.Client({ connectionString: server.url() });
  await client.connect();
  const { rowCount } = await client.query("SELECT FROM pg_roles WHERE rolname = 'administrator'");
  if (rowCount === 0) {
    await client.query(
      `CREATE ROLE administrator LOGIN CREATEDB CREATEROLE PASSWORD '${password}'`,
    );
  }
  await client.end();
}
