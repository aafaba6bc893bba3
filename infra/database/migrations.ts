import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** One SQL file. */
export interface SqlFile {
  /** File name without `.sql`. */
  readonly name: string;
  readonly path: string;
  readonly sql: string;
  /** SHA-256 of the file's bytes, 64 hexadecimal digits. */
  readonly sha256: string;
}

/** Directory of the migrations: files `<number>_<what>.sql`, each with an up and a down part. */
export const migrationsDirectory = join(import.meta.dirname, "migrations");

/** Directory of the verify queries: each returns one row, with the column `problem`, for everything that is wrong. */
export const verifyDirectory = join(import.meta.dirname, "verify");

/** The SQL files of a directory, in the order of their names. */
export function readSqlFiles(directory: string): SqlFile[] {
  return readdirSync(directory)
    .filter((file) => file.endsWith(".sql"))
    .sort()
    .map((file) => {
      const path = join(directory, file);
      const sql = readFileSync(path, "utf8");
      return { name: file.slice(0, -".sql".length), path, sql, sha256: sha256(sql) };
    });
}

/**
 * One digest over names and contents of all files: it changes exactly when a file is added, removed, renamed or
 * edited, and so tells when the migrations have to be run again.
 */
export function digestOf(files: readonly SqlFile[]): string {
  return sha256(files.map((file) => `${file.sha256}  ${file.name}\n`).join(""));
}

/** Digest of the project's migrations and verify queries. */
export function migrationsDigest(): string {
  return digestOf([...readSqlFiles(migrationsDirectory), ...readSqlFiles(verifyDirectory)]);
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
