import type { ConnectionOptions } from "node:tls";
import { readFile } from "node:fs/promises";

import { isUnknown, reveal, type PropertyMap } from "../lib/properties.ts";

/** How to reach the server, read from `new postgresql.Provider(name, {…})`, else from the variables of libpq. */
export interface Configuration {
  host: string;
  port: number;
  username: string;
  password: string | undefined;
  /** Database for everything that belongs to the server as a whole. */
  database: string;
  /** One of the modes of libpq. */
  sslmode: string;
  /** Path of the certificate authorities' PEM file. */
  sslrootcert: string | undefined;
  /** Longest wait for a connection. */
  connectTimeoutSeconds: number;
}

/** Options of the official provider that change how to connect and that are not imitated. */
const unsupported = [
  "awsRdsIamAuth",
  "azureIdentityAuth",
  "clientcert",
  "databaseUsername",
  "gcpIamImpersonateServiceAccount",
];

/** Reads the configuration. @throws for an option that the stand-in does not know how to honour. */
export function parseConfiguration(
  raw: PropertyMap,
  environment: NodeJS.ProcessEnv = process.env,
): Configuration {
  const values = reveal(raw);
  const text = (name: string) => {
    const value = values[name];
    if (value === undefined || value === null || value === "" || isUnknown(value)) return undefined;
    return typeof value === "string" ? value : JSON.stringify(value);
  };
  const refused = unsupported.filter((name) => text(name) !== undefined && text(name) !== "false");
  const scheme = text("scheme") ?? "postgres";
  if (scheme !== "postgres") refused.push(`scheme=${scheme}`);
  if (refused.length > 0) {
    throw new Error(
      `The stand-in for the PostgreSQL provider does not know ${refused.join(", ")}: leave it out, or install the official plugin.`,
    );
  }
  return {
    host: text("host") ?? environment["PGHOST"] ?? "localhost",
    port: Number(text("port") ?? environment["PGPORT"] ?? 5432),
    username: text("username") ?? environment["PGUSER"] ?? "postgres",
    password: text("password") ?? environment["PGPASSWORD"],
    database: text("database") ?? environment["PGDATABASE"] ?? "postgres",
    sslmode: text("sslmode") ?? text("sslMode") ?? environment["PGSSLMODE"] ?? "require",
    sslrootcert: text("sslrootcert"),
    connectTimeoutSeconds: Number(text("connectTimeout") ?? 180),
  };
}

/**
 * TLS for a mode of libpq: `require` encrypts without a look at the certificate.
 * Source: https://www.postgresql.org/docs/current/libpq-ssl.html#LIBPQ-SSL-PROTECTION
 */
export async function tlsOptions({
  sslmode,
  sslrootcert,
}: Configuration): Promise<ConnectionOptions | false> {
  const ca = sslrootcert === undefined ? {} : { ca: await readFile(sslrootcert, "utf8") };
  switch (sslmode) {
    case "disable":
      return false;
    case "require":
      return { rejectUnauthorized: sslrootcert !== undefined, checkServerIdentity: anyName, ...ca };
    case "verify-ca":
      return { checkServerIdentity: anyName, ...ca };
    case "verify-full":
      return ca;
    default:
      throw new Error(
        `sslmode ${JSON.stringify(sslmode)} is none of "disable", "require", "verify-ca" and "verify-full".`,
      );
  }
}

function anyName(): undefined {
  return undefined;
}
