import { parseArgs } from "node:util";
import type { z } from "zod";
import { KubeconfigError } from "./cluster-connection.ts";
import { KubernetesError } from "./kubernetes-error.ts";
import { summaryOf } from "./verbs.ts";

/** Exit codes of every verb. */
export const exitCodes = {
  /** Done, or passed. */
  done: 0,
  /** A gate was evaluated and failed. */
  gateFailed: 1,
  /** Could not decide, or refused: nothing is known to be wrong with the machinery. */
  refused: 2,
  /** Something that the verb needs did not answer or broke. */
  infrastructure: 3,
  /** Interrupted by Ctrl-C or SIGTERM (the shell's convention, 128 + SIGINT). */
  interrupted: 130,
} as const;

/** One command line option. */
export interface Option<T extends z.ZodType = z.ZodType> {
  /** One line for `--help`. */
  help: string;
  /** Name of the value in `--help`; without it the option is a switch. */
  placeholder?: string;
  /** The option may be given several times; its schema then sees a list. */
  multiple?: true;
  /** Checks and converts what was given: a string, a list, `true`, or undefined where absent. */
  schema: T;
}

/** Options by their name in camelCase; on the command line in kebab-case. */
export type Options = Record<string, Option>;

/** What a verb's options were set to. */
export type Values<O extends Options> = { [K in keyof O]: z.infer<O[K]["schema"]> };

/** What a verb is, for its help and for parsing its command line. */
export interface Verb<O extends Options> {
  /** Name of the npm script. */
  name: string;
  /** What it does, when to use it, what it waits for: the text under the summary in `--help`. */
  description: string;
  options: O;
}

/** A verb stops, tells the user why, and ends with the code. The message says what to do next. */
export class VerbError extends Error {
  override readonly name = "VerbError";
  readonly exitCode: number;

  constructor(exitCode: number, message: string) {
    super(message);
    this.exitCode = exitCode;
  }
}

/**
 * Reads a command line strictly: unknown options, missing values and surplus words are refused.
 *
 * @throws VerbError (code 2) that names the option, what is wrong with it and what is allowed.
 */
export function parseOptions<O extends Options>(verb: Verb<O>, argv: string[]): Values<O> {
  const shown = Object.keys(verb.options)
    .map((key) => `--${kebabCase(key)}`)
    .join(", ");
  const refuse = (why: string) =>
    new VerbError(exitCodes.refused, `${why}\nnpm run ${verb.name} -- --help explains the options`);
  let given: Record<string, unknown>;
  try {
    given = parseArgs({
      args: argv,
      strict: true,
      allowPositionals: false,
      options: Object.fromEntries(
        Object.entries(verb.options).map(([key, option]) => [
          kebabCase(key),
          {
            type: option.placeholder === undefined ? ("boolean" as const) : ("string" as const),
            multiple: option.multiple ?? false,
          },
        ]),
      ),
    }).values;
  } catch (error) {
    const [sentence = ""] = (error as Error).message.split(/\. (?=To |If )/);
    throw refuse(`${sentence.replace(/\.$/, "")}. Options: ${shown}`);
  }
  const values = Object.entries(verb.options).map(([key, option]) => {
    const value = given[kebabCase(key)];
    const result = option.schema.safeParse(value);
    if (result.success) return [key, result.data];
    const why = result.error.issues[0]?.message ?? "";
    throw refuse(
      value === undefined
        ? `--${kebabCase(key)} is missing: ${why}`
        : `--${kebabCase(key)} is ${JSON.stringify(value)}: ${why}`,
    );
  });
  return Object.fromEntries(values) as Values<O>;
}

/** The text that `--help` prints. */
function helpText<O extends Options>({ name, description, options }: Verb<O>): string {
  const rows = Object.entries(options).map(([key, option]) => {
    const value = option.placeholder === undefined ? "" : ` <${option.placeholder}>`;
    return [`  --${kebabCase(key)}${value}`, option.help] as const;
  });
  rows.push(["  --help", "print this text"]);
  const width = Math.max(...rows.map(([left]) => left.length));
  return [
    `npm run ${name} -- [options]`,
    "",
    summaryOf(name),
    "",
    description.trim(),
    "",
    "Options:",
    ...rows.map(([left, right]) => `${left.padEnd(width)}  ${right}`),
    "",
    "Exit codes: 0 done or passed, 1 gate failed, 2 could not decide or refused,",
    "3 infrastructure error, 130 interrupted.",
  ].join("\n");
}

/**
 * Runs a verb: `--help`, options, Ctrl-C (the signal aborts; a second one ends the process at
 * once), errors as one clean sentence on stderr, exit code. Call it once, as the last line of the file.
 *
 * @param main does the work and resolves with the exit code
 */
export async function runVerb<O extends Options>(
  verb: Verb<O>,
  main: (values: Values<O>, signal: AbortSignal) => Promise<number>,
  argv: string[] = process.argv.slice(2),
): Promise<void> {
  const interruption = new AbortController();
  const interrupt = () => {
    interruption.abort(new VerbError(exitCodes.interrupted, "interrupted"));
    process.removeListener("SIGINT", interrupt);
    process.removeListener("SIGTERM", interrupt);
  };
  process.on("SIGINT", interrupt).on("SIGTERM", interrupt);
  try {
    if (argv.includes("--help") || argv.includes("-h")) {
      process.stdout.write(`${helpText(verb)}\n`);
      return;
    }
    process.exitCode = await main(parseOptions(verb, argv), interruption.signal);
  } catch (thrown) {
    const { signal } = interruption;
    // Node's own waits and requests tell an interruption in their words.
    const error: unknown = signal.aborted && isAbort(thrown) ? signal.reason : thrown;
    process.exitCode = exitCodeOf(error);
    const text = error instanceof Error && isExpected(error) ? error.message : describeBug(error);
    process.stderr.write(`${verb.name}: ${text}\n`);
  } finally {
    process.removeListener("SIGINT", interrupt);
    process.removeListener("SIGTERM", interrupt);
  }
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === "AbortError";
}

function isExpected(error: Error): boolean {
  return (
    error instanceof VerbError ||
    error instanceof KubernetesError ||
    error instanceof KubeconfigError
  );
}

function exitCodeOf(error: unknown): number {
  if (error instanceof VerbError) return error.exitCode;
  if (error instanceof KubernetesError && error.failure === "refused") return exitCodes.refused;
  if (error instanceof KubeconfigError) return exitCodes.refused;
  return exitCodes.infrastructure;
}

function describeBug(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function kebabCase(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
