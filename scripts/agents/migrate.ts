import { parseArgs } from "node:util";
import { exitCodes, VerbError } from "../lib/verb.ts";
import { down, projectDirectories, status, up, verify } from "./migrate/commands.ts";
import type { CommandContext, CommandResult } from "./migrate/commands.ts";
import { readSettings } from "./migrate/settings.ts";

const help = `node scripts/agents/migrate.ts <command> [options]

Brings the tables of the migration's database up to date (infra/database/migrations).

Commands:
  up                        apply what is pending, make the coming months' partitions, verify
  down                      revert the newest migration, with the data in its tables
  status                    show which migrations are applied, pending, edited or missing
  verify                    check tables, privileges and partitions; changes nothing

Options:
  --expect-digest <sha256>  up: refuse to run unless the SQL files have this digest
  --count <number>          down: how many migrations to revert (1)
  --yes                     down: really delete the data
  --json                    print the result as JSON
  --help                    print this text

The connection comes from PGHOST, PGPORT (5432), PGDATABASE, PGUSER, PGPASSWORD and PGSSLMODE (require, disable).

Exit codes: 0 done or passed, 1 something is wrong with the tables or (status) pending, 2 refused,
3 infrastructure error, 130 interrupted.
`;

const parsed = () =>
  parseArgs({
    allowPositionals: true,
    options: {
      "expect-digest": { type: "string" },
      count: { type: "string", default: "1" },
      yes: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });

async function main(signal: AbortSignal): Promise<number> {
  const { values, positionals } = readArguments();
  if (values.help) {
    process.stdout.write(help);
    return exitCodes.done;
  }
  const [command = "", ...surplus] = positionals;
  if (surplus.length > 0) throw refusal(`"${surplus.join(" ")}" is one word too many`);
  const context: CommandContext = {
    settings: readSettings(process.env),
    directories: projectDirectories,
    progress: (line) => process.stderr.write(`${line}\n`),
    signal,
  };
  const result = await run(command, context, values);
  process.stdout.write(values.json ? `${JSON.stringify(result, null, 2)}\n` : describe(result));
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
      const count = Number(values.count);
      if (!Number.isInteger(count) || count < 1) {
        throw refusal(`--count is "${values.count}", use an integer from 1`);
      }
      if (!values.yes) {
        throw refusal("down deletes tables with their data; add --yes if that is what you want");
      }
      return down(context, count);
    }
    case "status":
      return status(context);
    case "verify":
      return verify(context);
    default:
      throw refusal(`"${command}" is no command, use up, down, status or verify`);
  }
}

function readArguments(): ReturnType<typeof parsed> {
  try {
    return parsed();
  } catch (error) {
    throw refusal((error as Error).message);
  }
}

function refusal(sentence: string): VerbError {
  return new VerbError(exitCodes.refused, `${sentence} (--help explains the options)`);
}

function describe({ changed, migrations, problems }: CommandResult): string {
  const width = Math.max(...migrations.map(({ name }) => name.length));
  return [
    ...migrations.map(({ name, state, appliedAt, durationMs, appliedBy }) =>
      [
        name.padEnd(width),
        state.padEnd(8),
        ...(appliedAt === undefined ? [] : [`${appliedAt} in ${durationMs} ms by ${appliedBy}`]),
      ].join("  "),
    ),
    `${changed.length} changed by this run`,
    ...(problems === undefined ? [] : [`${problems.length} problems found`, ...problems]),
    "",
  ].join("\n");
}

function exitCodeOf(command: string, { migrations, problems }: CommandResult): number {
  const rewritten = migrations.some(({ state }) => state === "edited" || state === "missing");
  if (rewritten) return exitCodes.refused;
  const pending = migrations.some(({ state }) => state === "pending");
  if (command !== "down" && pending) return exitCodes.gateFailed;
  return (problems ?? []).length === 0 ? exitCodes.done : exitCodes.gateFailed;
}

const interruption = new AbortController();
for (const name of ["SIGINT", "SIGTERM"] as const) {
  // What runs in the database is rolled back when the connection closes.
  process.once(name, () => {
    interruption.abort();
    process.stderr.write("migrate: interrupted; what was not finished is rolled back\n");
    process.exit(exitCodes.interrupted);
  });
}
try {
  process.exitCode = await main(interruption.signal);
} catch (error) {
  const expected = error instanceof VerbError;
  process.exitCode = expected ? error.exitCode : exitCodes.infrastructure;
  process.stderr.write(`migrate: ${expected ? error.message : String((error as Error).stack)}\n`);
}
