import { afterAll, beforeAll } from "vitest";
import { startPostgres, type TestPostgres } from "../lib/postgres.ts";
import { SqlFileCopies } from "./sql-files.ts";

/** What the tests of one file work with. */
interface OwnServer {
  /** Runs from before the first test until after the last one. */
  readonly server: TestPostgres;
  /** Copies of the SQL files, removed after the last test. */
  readonly copies: SqlFileCopies;
}

/** Gives the tests of a file a server and copies of the SQL files of their own. */
export function useOwnServer(): OwnServer {
  let server: TestPostgres | undefined;
  const copies = new SqlFileCopies();
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(async () => {
    await server?.stop();
    await copies.remove();
  });
  return {
    copies,
    get server() {
      if (server === undefined) throw new Error("The server runs only while tests do.");
      return server;
    },
  };
}
