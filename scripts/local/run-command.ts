import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
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

/**
 * Runs a program without a shell and returns its standard output.
 *
 * @throws with the command line and its last lines of output if it cannot be started or exits
 *   with another code than 0.
 */
export async function runCommand(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    signal: options.signal,
    stdio: ["pipe", "pipe", "pipe"],
  });
  const lastLines: string[] = [];
  const remember = (line: string): void => {
    if (line.trim() === "") return;
    lastLines.push(line);
    if (lastLines.length > keptLines) lastLines.shift();
    options.onLine?.(line);
  };
  const output: string[] = [];
  createInterface({ input: child.stdout }).on("line", (line) => {
    output.push(line);
    remember(line);
  });
  createInterface({ input: child.stderr }).on("line", remember);
  child.stdin.on("error", () => undefined); // a command may end without reading its input
  child.stdin.end(options.input ?? "");
  const ending = await new Promise<string>((resolve, reject) => {
    child.once("error", (error: NodeJS.ErrnoException) => {
      reject(
        error.code === "ENOENT"
          ? new LocalError(`The program ${command} was not found on PATH.`)
          : error,
      );
    });
    child.once("close", (code, signal) => {
      resolve(code === 0 ? "" : signal === null ? `code ${code}` : `signal ${signal}`);
    });
  });
  if (ending !== "") {
    throw new LocalError(
      `\`${[command, ...args].join(" ")}\` ended with ${ending}.\n${lastLines.join("\n")}`,
    );
  }
  return output.join("\n");
}
