import { readFileSync } from "node:fs";
import pg from "pg";
import { accessKinds, groupRole, loginRole } from "../../infra/database/names.ts";
import type { Environment } from "../local/environment.ts";

/** The PostgreSQL server of a local environment, as its administrator sees it from outside. */
export class AdminDatabase {
  readonly #environment: Environment;

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  /** The administrator's password. */
  get password(): string {
    return readFileSync(this.#environment.postgres.passwordFile, "utf8").trim();
  }

  /**
   * Creates the database in which both pools keep what they share, as it exists before any
   * migration begins.
   * @returns its connection URL for processes inside; a secret
   */
  async createPoolDatabase(name: string, password: string): Promise<string> {
    await this.run(`CREATE ROLE "${name}" LOGIN PASSWORD '${password}'`);
    // The administrator is no superuser: to give a database away it must be a member of the owner.
    await this.run(`GRANT "${name}" TO CURRENT_USER`);
    await this.run(`CREATE DATABASE "${name}" OWNER "${name}"`);
    const { host, port } = this.#environment.postgres;
    return `postgresql://${name}:${password}@${host}:${port}/${name}?sslmode=no-verify`;
  }

  /** Drops a database and the role of the same name, if they are there. */
  async dropPoolDatabase(name: string): Promise<void> {
    await this.run(`DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`);
    await this.run(`DROP ROLE IF EXISTS "${name}"`);
  }

  /** Drops a stack's database and its roles, if a killed run left them behind. */
  async dropStackDatabase(name: string): Promise<void> {
    const roles = accessKinds.flatMap((kind) => [loginRole(name, kind), groupRole(name, kind)]);
    const present = new Set(await this.objectsNamed(`${name}_`));
    const left = roles.filter((role) => present.has(`role ${role}`));
    // Whoever created a role may make itself its member, and as a member drop what the role owns.
    for (const role of left) await this.run(`GRANT "${role}" TO CURRENT_USER`);
    await this.run(`DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`);
    for (const role of left) await this.run(`DROP ROLE "${role}"`);
  }

  /** Names of the databases and roles that begin with a prefix. */
  async objectsNamed(prefix: string): Promise<string[]> {
    const rows = await this.run<{ name: string }>(
      `SELECT 'database ' || datname AS name FROM pg_database WHERE starts_with(datname, '${prefix}')
       UNION SELECT 'role ' || rolname FROM pg_roles WHERE starts_with(rolname, '${prefix}')`,
    );
    return rows.map(({ name }) => name);
  }

  /** Runs one statement. */
  async run<Row extends pg.QueryResultRow>(sql: string): Promise<Row[]> {
    const { user, port } = this.#environment.postgres;
    // Its socket is a file, and files are reached from outside the namespaces too.
    const host = `/proc/${this.#environment.initPid}/root/run/postgresql`;
    const client = new pg.Client({
      host,
      port,
      user,
      password: this.password,
      database: "postgres",
    });
    client.on("error", () => undefined);
    await client.connect();
    try {
      return (await client.query<Row>(sql)).rows;
    } finally {
      await client.end();
    }
  }
}
