import { Socket } from "node:net";

import pg from "pg";

import { tlsOptions, type Configuration } from "./configuration.ts";

/** Where statements are run. */
export type Session = Pick<pg.ClientBase, "query">;

/** SQLSTATE of errors that tell that something is not there. */
export const missing = { database: "3D000", object: "42704", schema: "3F000" };

/** SQLSTATE of an error of the server; undefined for any other. */
export function sqlState(error: unknown): string | undefined {
  return error instanceof pg.DatabaseError ? error.code : undefined;
}

/** Runs statements on one server. */
export class DatabaseServer {
  private readonly configuration: Configuration;
  private last: Promise<unknown> = Promise.resolve();
  private socket: Socket | undefined;
  private cancelled = false;

  constructor(configuration: Configuration) {
    this.configuration = configuration;
  }

  /**
   * Runs `work` on a connection of its own to a database (default: the configured one), one after the other: statements
   * about roles and privileges that run side by side fail with "tuple concurrently updated".
   */
  session<T>(work: (session: Session) => Promise<T>, database?: string): Promise<T> {
    const turn = this.last.then(() => this.connected(work, database));
    this.last = turn.catch(() => undefined);
    return turn;
  }

  /** The same in one transaction. */
  transaction<T>(work: (session: Session) => Promise<T>, database?: string): Promise<T> {
    return this.session(async (session) => {
      await session.query("BEGIN");
      try {
        const result = await work(session);
        await session.query("COMMIT");
        return result;
      } catch (error) {
        await session.query("ROLLBACK").catch(() => undefined);
        throw error;
      }
    }, database);
  }

  /** Cuts the connection that is open now; nothing is begun any more. */
  cancel(): void {
    this.cancelled = true;
    this.socket?.destroy(new Error("cancelled"));
  }

  private async connected<T>(
    work: (session: Session) => Promise<T>,
    database = this.configuration.database,
  ): Promise<T> {
    const { host, port, username, password, connectTimeoutSeconds } = this.configuration;
    if (this.cancelled) throw new Error("The operation was cancelled.");
    const client = new pg.Client({
      host,
      port,
      user: username,
      password,
      database,
      ssl: await tlsOptions(this.configuration),
      connectionTimeoutMillis: connectTimeoutSeconds * 1000,
      application_name: "pool-migration",
      stream: () => (this.socket = new Socket()),
    });
    // A connection that the server ends between two statements must not end this process.
    client.on("error", () => undefined);
    try {
      await client.connect();
    } catch (error) {
      await client.end().catch(() => undefined);
      if (sqlState(error) === missing.database) throw error;
      throw this.unreachable(error);
    }
    try {
      return await work(client);
    } catch (error) {
      throw withDetail(error);
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  private unreachable(error: unknown): Error {
    const { host, port, username } = this.configuration;
    const reason = error instanceof Error ? error.message || error.name : String(error);
    return new Error(
      `PostgreSQL at ${host}:${String(port)} (user ${username}) cannot be used: ${reason}. ` +
        `Check that it runs and that host, port, user, password and sslmode of the provider are right.`,
      { cause: error },
    );
  }
}

/** The server's error with what it says beside its message: which objects are in the way, what would help. */
function withDetail(error: unknown): unknown {
  if (!(error instanceof pg.DatabaseError)) return error;
  const { message, detail, hint } = error;
  error.message = [message, detail, hint].filter((part) => part !== undefined).join(". ");
  return error;
}

/** The only row of an answer, or undefined. */
export async function queryOne<Row extends pg.QueryResultRow>(
  session: Session,
  text: string,
  values: unknown[] = [],
): Promise<Row | undefined> {
  const { rows } = await session.query<Row>(text, values);
  return rows[0];
}

/** A name for a statement. */
export const identifier = (name: string): string => pg.escapeIdentifier(name);

/** A text for a statement. */
export const literal = (text: string): string => pg.escapeLiteral(text);

/** A role for a statement; `public` is the word for everybody. */
export const roleName = (name: string): string =>
  name.toLowerCase() === "public" ? "PUBLIC" : identifier(name);
