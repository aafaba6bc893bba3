import { createInterface } from "node:readline";
import { $ } from "zx";
import { LocalError } from "./local-error.ts";

/** Options of {@link runCommand}. */
export interface RunOptions {
  readonly cwd?: string;
  /** Variables besides those of this process. */
  readonly env?: NodeJS.ProcessEnv;
  /** Written to the command's standard input. */
  readonly input?: string | undefined;
  /** Called with each line the command writes, for progress. */
  readonly onLine?: (line: string) => void;
  /** Ends the command with SIGTERM when aborted. */
  readonly signal?: AbortSignal | undefined;
}

const keptLines = 30;
/** What a shell answers for a program that it does not find. */
const notFoundCode = 127;

/**
 * Runs a program and returns its standard output.
 *
 * @throws with the command line and its last lines of output if it cannot be started or exits
 *   with another code than 0.
 */
export async function runCommand(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const { cwd, env, input, onLine, signal } = options;
  const run = $({
    quiet: true,
    nothrow: true,
    input: input ?? "",
    env: { ...process.env, ...env },
    ...(cwd === undefined ? {} : { cwd }),
    ...(signal === undefined ? {} : { signal }),
  })`${[command, ...args]}`;
  const lastLines: string[] = [];
  const remember = (line: string): void => {
    if (line.trim() === "") return;
    lastLines.push(line);
    if (lastLines.length > keptLines) lastLines.shift();
    onLine?.(line);
  };
  createInterface({ input: run.stdout }).on("line", remember);
  createInterface({ input: run.stderr }).on("line", remember);
  const { exitCode, signal: endedBy, stdout } = await run;
  signal?.throwIfAborted();
  if (exitCode === 0) return stdout.replace(/\n$/, "");
  if (exitCode === notFoundCode) {
    throw new LocalError(
      `The program ${command} was not found on PATH, or it did not find one that it needs.\n${lastLines.join("\n")}`,
    );
  }
  const ending = endedBy === null ? `code ${exitCode}` : `signal ${endedBy}`;
  throw new LocalError(
    `\`${[command, ...args].join(" ")}\` ended with ${ending}.\n${lastLines.join("\n")}`,
  );
}
