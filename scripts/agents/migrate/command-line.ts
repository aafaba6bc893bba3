import { parseArgs } from "node:util";
import { exitCodes, VerbError } from "../../lib/verb.ts";
import { down, maintain, projectDirectories, prune, status, up, verify } from "./commands.ts";
import type { CommandContext, CommandResult } from "./commands.ts";
import { describeResult, isInOrder } from "./description.ts";
import { readSettings } from "./settings.ts";

const help = `node scripts/agents/migrate.ts <command> [options]

Brings the tables of the migration's database up to date (infra/database/migrations).

Commands:
  up                        apply what is pending, make the coming months' partitions, verify
  down                      revert the newest migration, with the data in its tables
  status                    show which migrations are applied, pending, edited or unknown, and every
                            object that differs from what they made; the reader's login will do
  maintain                  make the coming months' partitions, and prune; the CronJob runs it every day
  prune                     delete old months of pool_metrics; the other months stay readable and writable
  verify                    check tables, privileges and partitions; changes nothing

Options:
  --expect-digest <sha256>  up: refuse to run unless the SQL files have this digest
  --count <number>          down: how many migrations to revert (1)
  --keep-months <number>    maintain, prune: full months before this one that stay
  --yes                     down, prune: really delete the data
  --json                    print the result as JSON
  --help                    print this text

The connection comes from PGHOST, PGPORT (5432), PGDATABASE, PGUSER, PGPASSWORD or PGPASSFILE, and
PGSSLMODE (require, disable).

Exit codes: 0 done or passed, 1 something is wrong with the tables or (status) pending, 2 refused,
3 infrastructure error, 130 interrupted.
`;

const parsed = (args: string[]) =>
  parseArgs({
    args,
    allowPositionals: true,
    options: {
      "expect-digest": { type: "string" },
      count: { type: "string", default: "1" },
      "keep-months": { type: "string" },
      yes: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });

/** Where a command line runs. */
export interface Surroundings {
  /** libpq's variables. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  /** Ends waiting. */
  readonly signal: AbortSignal;
}

/**
 * Runs one command line: the result goes to stdout, what happens meanwhile and errors to stderr.
 *
 * @returns the exit code
 */
export async function runCommandLine(args: string[], surroundings: Surroundings): Promise<number> {
  try {
    return await main(args, surroundings);
  } catch (error) {
    const expected = error instanceof VerbError;
    surroundings.stderr(`migrate: ${expected ? error.message : String((error as Error).stack)}\n`);
    return expected ? error.exitCode : exitCodes.infrastructure;
  }
}

async function main(args: string[], surroundings: Surroundings): Promise<number> {
  const { values, positionals } = readArguments(args);
  if (values.help) {
    surroundings.stdout(help);
    return exitCodes.done;
  }
  const [command = "", ...surplus] = positionals;
  if (surplus.length > 0) throw refusal(`"${surplus.join(" ")}" is one word too many`);
  const context: CommandContext = {
    settings: readSettings(surroundings.environment),
    directories: projectDirectories,
    progress: (line) => surroundings.stderr(`${line}\n`),
    signal: surroundings.signal,
  };
  const result = await run(command, context, values);
  surroundings.stdout(
    values.json ? `${JSON.stringify(result, null, 2)}\n` : describeResult(result),
  );
  return exitCodeOf(command, result);
}

function run(
  command: string,
  context: CommandContext,
  values: ReturnType<typeof parsed>["values"],
): Promise<CommandResult> {
  switch (command) {
    case "up":
      return up(context, values["expect-digest"]);
    case "down": {
      const count = positiveInteger("--count", values.count);
      if (!values.yes) {
        throw refusal("down deletes tables with their data; add --yes if that is what you want");
      }
      return down(context, count);
    }
    case "prune": {
      const keepMonths = positiveInteger("--keep-months", values["keep-months"]);
      if (!values.yes) {
        throw refusal("prune deletes samples; add --yes if that is what you want");
      }
      return prune(context, keepMonths);
    }
    case "maintain":
      return maintain(context, positiveInteger("--keep-months", values["keep-months"]));
    case "status":
      return status(context);
    case "verify":
      return verify(context);
    default:
      throw refusal(`"${command}" is no command, use up, down, status, maintain, prune or verify`);
  }
}

function positiveInteger(option: string, text: string | undefined): number {
  const number = Number(text);
  if (text !== undefined && Number.isInteger(number) && number >= 1 && number <= 1200)
    return number;
  const given = text === undefined ? "missing" : `"${text}"`;
  throw refusal(`${option} is ${given}, use an integer from 1 to 1200`);
}

function readArguments(args: string[]): ReturnType<typeof parsed> {
  try {
    return parsed(args);
  } catch (error) {
    throw refusal((error as Error).message);
  }
}

function refusal(sentence: string): VerbError {
  return new VerbError(exitCodes.refused, `${sentence} (--help explains the options)`);
}

function exitCodeOf(command: string, result: CommandResult): number {
  // What others changed in the tables is for people to decide: `up` shows it and does not fail.
  const judged = command === "status" ? result : { ...result, catalog: undefined };
  if (["down", "maintain", "prune"].includes(command)) return exitCodes.done;
  return isInOrder(judged) ? exitCodes.done : exitCodes.gateFailed;
}
