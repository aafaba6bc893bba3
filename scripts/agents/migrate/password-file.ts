import { readFileSync, statSync } from "node:fs";
import { exitCodes, VerbError } from "../../lib/verb.ts";

/** What a line of the file is about. */
export interface Login {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
}

/**
 * Password of a login from a file of libpq's: lines `host:port:database:user:password`, of which the first that fits
 * counts; `*` fits anything, `\` takes the meaning from the character after it.
 * Source: https://www.postgresql.org/docs/current/libpq-pgpass.html
 *
 * @throws VerbError (code 2) where the file cannot be read, others may read it, or it has no such login
 */
export function readPasswordFile(path: string, login: Login): string {
  const { host, port, database, user } = login;
  const wanted = [host, String(port), database, user];
  for (const line of readPrivateFile(path).split("\n")) {
    if (line.startsWith("#")) continue;
    const fields = splitFields(line);
    const password = fields[wanted.length];
    const fits = wanted.every((value, index) => fields[index] === "*" || fields[index] === value);
    if (fits && password !== undefined) return password;
  }
  throw refusal(`${path} (PGPASSFILE) has no line for ${wanted.join(":")}`);
}

function readPrivateFile(path: string): string {
  let text: string;
  let mode: number;
  try {
    text = readFileSync(path, "utf8");
    mode = statSync(path).mode;
  } catch (error) {
    throw refusal(`PGPASSFILE cannot be read: ${(error as Error).message}`);
  }
  if ((mode & 0o077) === 0) return text;
  throw refusal(`${path} (PGPASSFILE) can be read by others; chmod 600 ${path}`);
}

/** The fields of a line, without the backslashes that escape a colon or a backslash. */
function splitFields(line: string): string[] {
  return [...line.matchAll(/((?:\\.|[^:\\])*)(?::|$)/g)].map(([, field = ""]) =>
    field.replace(/\\(.)/g, "$1"),
  );
}

function refusal(sentence: string): VerbError {
  return new VerbError(exitCodes.refused, sentence);
}
