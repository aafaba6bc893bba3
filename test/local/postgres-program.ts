import pg from "pg";

/** Password of the role `administrator`, as which programs reach the server. */
export const adminPassword = "admin-secret-7";

/** A program with a provider for the server at a port of the loopback interface, and the given resources. */
export function postgresProgram(resources: string, port: number): string {
  return `
    import * as postgresql from "@pulumi/postgresql";
    import * as pulumi from "@pulumi/pulumi";
    const provider = new postgresql.Provider("server", {
      host: "127.0.0.1", port: ${String(port)}, username: "administrator", sslmode: "disable",
      password: pulumi.secret("${adminPassword}"), superuser: false, connectTimeout: 30,
    });
    const opts = { provider };
    ${resources}
  `;
}

/** Asks a server. */
export async function query(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(text)).rows;
  } finally {
    await client.end();
  }
}

/** Makes the role `administrator`, which is no superuser, on a server. */
export async function createAdministrator(url: string): Promise<void> {
  const password = `PASSWORD '${adminPassword}'`;
  await query(url, `CREATE ROLE administrator LOGIN CREATEDB CREATEROLE ${password}`);
}

/** Names of the roles that programs have made on a server. */
export async function roleNames(url: string): Promise<unknown[]> {
  const roles = "SELECT rolname FROM pg_roles WHERE rolname LIKE 'moved%' ORDER BY 1";
  return (await query(url, roles)).map(({ rolname }) => rolname);
}
