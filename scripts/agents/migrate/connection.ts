import pg from "pg";
import { groupRole, schemaName } from "../../../infra/database/names.ts";
import { waitUntil } from "../../lib/progress.ts";
import { exitCodes, VerbError } from "../../lib/verb.ts";
import type { MigrateSettings } from "./settings.ts";

/** SQLSTATE classes and codes that time may cure: the server starts, stops or is full. */
const transientStates = /^(08|57P0|53)/;

/**
 * What the connection is for. `change` acts as the owner's group role, so that everything that is created belongs to the
 * group and not to the login; `record` adds rows as the writer's login; `look` can change nothing, and any login that
 * may read the tables will do.
 */
export type Purpose = "change" | "record" | "look";

/** How long a connection may take for what, milliseconds, and what the server calls it. */
export interface SessionLimits {
  readonly application: string;
  readonly connect: number;
  /** For one statement, in the server. */
  readonly statement: number;
  /** For its answer, here: a network that swallows packets is noticed by nobody else. Absent: no limit. */
  readonly answer?: number;
}

const verbLimits: SessionLimits = {
  application: "pool-migration migrate",
  connect: 5_000,
  statement: 60_000,
};

/**
 * Connects, waiting for a server that does not answer yet.
 *
 * @throws VerbError (code 3) when the server does not answer in time, (code 2) when it refuses
 */
export async function connect(
  settings: MigrateSettings,
  purpose: Purpose,
  signal: AbortSignal = new AbortController().signal,
): Promise<pg.Client> {
  let client: pg.Client | undefined;
  let reason = "";
  const outcome = await waitUntil({
    timeoutSeconds: settings.patience.connectSeconds,
    intervalMilliseconds: 250,
    signal,
    describe: () => `waiting for the database at ${address(settings)}: ${reason}`,
    look: async () => {
      try {
        client = await openConnection(settings, verbLimits);
        return true;
      } catch (error) {
        reason = (error as Error).message || "no connection";
        if (isTransient(error)) return false;
        throw new VerbError(
          exitCodes.refused,
          `the database at ${address(settings)} refuses ${settings.user}: ${reason}`,
        );
      }
    },
  });
  if (outcome === "timeLimit" || client === undefined) {
    throw new VerbError(
      exitCodes.infrastructure,
      `the database at ${address(settings)} did not answer within ` +
        `${settings.patience.connectSeconds} s: ${reason}; check its host and port, and that it runs`,
    );
  }
  await prepareSession(client, settings, purpose);
  return client;
}

/**
 * Connects once, without waiting for a server that does not answer.
 *
 * @throws Error as the server or the network says it; VerbError (code 2) when the database is not prepared
 */
export async function connectOnce(
  settings: MigrateSettings,
  purpose: Purpose,
  limits: SessionLimits,
): Promise<pg.Client> {
  const client = await openConnection(settings, limits);
  await prepareSession(client, settings, purpose);
  return client;
}

/**
 * Connects, does something and ends the connection, whatever happens.
 *
 * @throws what {@link connect} and `work` throw; VerbError (code 3) for whatever else breaks off in the database
 */
export async function withConnection<T>(
  settings: MigrateSettings,
  purpose: Purpose,
  signal: AbortSignal | undefined,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = await connect(settings, purpose, signal);
  try {
    return await work(client);
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    if (error instanceof VerbError || (code === undefined && !isConnectionLoss(message)))
      throw error;
    throw new VerbError(
      exitCodes.infrastructure,
      `the database ${settings.database} broke off: ${message}; run the command again`,
    );
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** pg's own errors about a connection that ends have no code. */
function isConnectionLoss(message: string): boolean {
  return message.startsWith("Connection terminated");
}

async function openConnection(
  settings: MigrateSettings,
  limits: SessionLimits,
): Promise<pg.Client> {
  const client = new pg.Client({
    host: settings.host,
    port: settings.port,
    database: settings.database,
    user: settings.user,
    password: settings.password,
    ssl: settings.ssl === "require" ? { rejectUnauthorized: false } : false,
    application_name: limits.application,
    connectionTimeoutMillis: limits.connect,
    lock_timeout: settings.patience.tableLockMilliseconds,
    statement_timeout: limits.statement,
    ...(limits.answer === undefined ? {} : { query_timeout: limits.answer }),
    idle_in_transaction_session_timeout: 30_000,
  });
  // A connection that breaks while nothing runs is noticed by the next query.
  client.on("error", () => undefined);
  try {
    await client.connect();
  } catch (error) {
    await client.end().catch(() => undefined);
    throw error;
  }
  return client;
}

async function prepareSession(
  client: pg.Client,
  settings: MigrateSettings,
  purpose: Purpose,
): Promise<void> {
  try {
    const owner = pg.escapeIdentifier(groupRole(settings.database, "owner"));
    if (purpose === "change") await client.query(`SET ROLE ${owner}`);
    if (purpose === "look") await client.query("SET default_transaction_read_only = on");
    await client.query(`SET search_path TO ${pg.escapeIdentifier(schemaName)}`);
    const { rows } = await client.query<{ found: boolean }>(
      "SELECT to_regnamespace($1) IS NOT NULL AS found",
      [schemaName],
    );
    if (rows[0]?.found !== true) throw new Error(`there is no schema ${schemaName}`);
  } catch (error) {
    await client.end();
    throw new VerbError(
      exitCodes.refused,
      `the database ${settings.database} is not prepared for ${settings.user}: ` +
        `${(error as Error).message}; pulumi up makes its roles and its schema`,
    );
  }
}

function isTransient(error: unknown): boolean {
  const { code, message } = error as { code?: string; message: string };
  if (message.includes("does not support SSL")) return false;
  // Errors of the network have codes of five letters or more (ECONNREFUSED); a time limit of pg's has none.
  return code === undefined || code.startsWith("E") || transientStates.test(code);
}

function address({ host, port, database }: MigrateSettings): string {
  return `${host}:${port}/${database}`;
}
