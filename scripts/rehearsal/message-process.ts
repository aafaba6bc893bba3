import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Environment } from "../local/environment.ts";

/** What to run and who listens. */
export interface MessageProcessOptions<Message> {
  /** File name in this directory. */
  readonly program: string;
  /** The program's only argument, as JSON; no secrets. */
  readonly settings: object;
  /** Environment variables, secrets among them. */
  readonly variables?: Record<string, string>;
  readonly onMessage: (message: Message) => void;
}

/**
 * A Node process inside the local environment that speaks in JSON lines: messages on its standard
 * output, commands on its standard input. It ends when its input does.
 */
export class MessageProcess<Command, Message> {
  readonly #program: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  #errors = "";

  constructor(environment: Environment, options: MessageProcessOptions<Message>) {
    this.#program = options.program;
    const path = join(import.meta.dirname, options.program);
    this.#child = environment.spawnInside(
      process.execPath,
      [path, JSON.stringify(options.settings)],
      { stdio: ["pipe", "pipe", "pipe"], env: { ...process.env, ...options.variables } },
    );
    const { stdout, stderr } = this.#child;
    if (!stdout || !stderr) throw new Error(`${options.program} has no pipes.`);
    stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#errors = (this.#errors + text).slice(-4000);
    });
    createInterface({ input: stdout }).on("line", (line) => {
      options.onMessage(JSON.parse(line) as Message);
    });
    this.#ended = once(this.#child, "close");
  }

  /** What it wrote to standard error, if it has ended by itself; undefined while it runs. */
  get failure(): string | undefined {
    const { exitCode, signalCode } = this.#child;
    if (exitCode === null && signalCode === null) return undefined;
    return `${this.#program} ended with ${signalCode ?? `code ${exitCode}`}: ${this.#errors}`;
  }

  /** Sends a command. */
  send(command: Command): void {
    this.#child.stdin?.write(`${JSON.stringify(command)}\n`);
  }

  /** Ends the process and waits for the rest of its messages. */
  async end(): Promise<void> {
    this.#child.stdin?.end();
    await this.#ended;
  }
}
