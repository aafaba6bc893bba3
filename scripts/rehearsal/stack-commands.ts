import type { ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { join } from "node:path";
import { namespaceName } from "../../infra/rollout/names.ts";
import { exitCodes, VerbError } from "../lib/verb.ts";
import type { Environment } from "../local/environment.ts";
import { signalInside } from "../local/namespaces.ts";

/** How a command ended. */
export interface CommandResult {
  readonly code: number;
  /** Standard output and error as they came. */
  readonly output: string;
  readonly seconds: number;
}

/** Where a stack is worked on. */
export interface StackPlace {
  readonly environment: Environment;
  /** Name of the stack. */
  readonly stack: string;
  /** Directory of its Pulumi.yaml. */
  readonly directory: string;
}

interface RunOptions {
  readonly mayFail: boolean;
  readonly input: string;
  readonly variables?: Readonly<Record<string, string>>;
  readonly onStart?: (child: ChildProcess) => void;
}

/** A command that was to succeed did not; the message holds the end of its output. */
function commandError(command: readonly string[], result: CommandResult): VerbError {
  const lines = result.output.trimEnd().split("\n").slice(-40).join("\n");
  const what = `\`${command.join(" ")}\` ended with code ${result.code}`;
  return new VerbError(exitCodes.infrastructure, `${what}:\n${lines}`);
}

/** The commands that a person types to work on a stack, run inside the local environment. */
export class StackCommands {
  readonly place: StackPlace;

  constructor(place: StackPlace) {
    this.place = place;
  }

  /** Kubernetes namespace of the stack. */
  get namespace(): string {
    return namespaceName(this.place.stack);
  }

  /** Creates the stack. */
  async init(): Promise<void> {
    await this.#pulumi(["stack", "init", this.place.stack]);
  }

  /** Lets the engine forget the stack, whatever it still holds, a lock too; nothing happens if there is none. */
  async forget(): Promise<void> {
    await this.#pulumi(["cancel", "--yes", "--stack", this.place.stack], { mayFail: true });
    const command = ["stack", "rm", "--yes", "--force", this.place.stack];
    await this.#pulumi(command, { mayFail: true });
  }

  /** `pulumi config set-all`; a path such as `pool.settings.NAME` sets a part of an object. */
  async setConfig(values: Readonly<Record<string, string>>): Promise<void> {
    const pairs = Object.entries(values).flatMap(([path, value]) => [
      "--plaintext",
      `${path}=${value}`,
    ]);
    await this.#pulumi(["config", "set-all", "--path", ...pairs, "--stack", this.place.stack]);
  }

  /** `pulumi config set --secret`, the value on standard input. */
  async setSecret(path: string, value: string): Promise<void> {
    const command = ["config", "set", "--secret", "--path", path, "--stack", this.place.stack];
    await this.#pulumi(command, { input: value });
  }

  /** `pulumi up`; with `mayFail` a failure is a result like any other. */
  async up(
    options: {
      mayFail?: boolean;
      args?: readonly string[];
      variables?: Readonly<Record<string, string>>;
    } = {},
  ): Promise<CommandResult> {
    const { mayFail = false, args = [], variables = {} } = options;
    const command = ["up", "--yes", "--skip-preview", "--non-interactive", ...args];
    return await this.#pulumi([...command, "--stack", this.place.stack], { mayFail, variables });
  }

  /**
   * `pulumi up`, killed without a chance to say anything unless it ends before.
   * @returns whether it was killed
   */
  async killedUp(afterSeconds: number): Promise<boolean> {
    const command = ["up", "--yes", "--skip-preview", "--non-interactive"];
    let killed = false;
    await this.#pulumi([...command, "--stack", this.place.stack], {
      mayFail: true,
      onStart(child) {
        const timer = setTimeout(() => {
          killed = true;
          signalInside(child, "SIGKILL");
        }, afterSeconds * 1000);
        // Its process id may be another's once it has ended.
        child.once("exit", () => clearTimeout(timer));
      },
    });
    return killed;
  }

  /** `pulumi cancel`: clears the lock that a killed command has left. */
  async cancel(): Promise<CommandResult> {
    return await this.#pulumi(["cancel", "--yes", "--stack", this.place.stack]);
  }

  /** `pulumi preview`. */
  async preview(args: readonly string[] = []): Promise<CommandResult> {
    const command = ["preview", "--non-interactive", ...args, "--stack", this.place.stack];
    return await this.#pulumi(command);
  }

  /** `pulumi destroy`, then `pulumi stack rm`. */
  async destroy(): Promise<CommandResult> {
    const stack = ["--stack", this.place.stack];
    const command = ["destroy", "--yes", "--skip-preview", "--non-interactive", ...stack];
    const result = await this.#pulumi(command);
    await this.#pulumi(["stack", "rm", "--yes", this.place.stack]);
    return result;
  }

  /** One of this project's verbs, such as `conformance`; secrets go into `variables`. */
  async verb(
    name: string,
    args: readonly string[],
    options: Partial<RunOptions> = {},
  ): Promise<CommandResult> {
    const script = join(this.place.directory, "scripts", `${name}.ts`);
    const command = [process.execPath, script, ...args];
    return await this.#run(command, { mayFail: false, input: "", ...options });
  }

  /** One of this project's verbs on this stack. */
  async stackVerb(
    name: string,
    args: readonly string[],
    options: Partial<RunOptions> = {},
  ): Promise<CommandResult> {
    return await this.verb(name, ["--stack", this.place.stack, ...args], options);
  }

  /** `kubectl` in the stack's namespace. */
  async kubectl(
    args: readonly string[],
    options: { mayFail?: boolean } = {},
  ): Promise<CommandResult> {
    const { mayFail = false } = options;
    return await this.#run(["kubectl", "--namespace", this.namespace, ...args], {
      mayFail,
      input: "",
    });
  }

  #pulumi(
    args: readonly string[],
    { mayFail = false, input = "", ...options }: Partial<RunOptions> = {},
  ): Promise<CommandResult> {
    return this.#run(["pulumi", "--color", "never", ...args], { mayFail, input, ...options });
  }

  async #run(
    command: readonly string[],
    { mayFail, input, variables = {}, onStart }: RunOptions,
  ): Promise<CommandResult> {
    const { environment, directory } = this.place;
    const began = performance.now();
    const [program = "", ...args] = command;
    const child = environment.spawnInside(program, args, {
      cwd: directory,
      stdio: ["pipe", "pipe", "pipe"],
      env: { ...process.env, ...variables },
    });
    onStart?.(child);
    const lines: string[] = [];
    for (const stream of [child.stdout, child.stderr]) {
      if (stream) createInterface({ input: stream }).on("line", (line) => lines.push(line));
    }
    child.stdin?.on("error", () => undefined).end(input);
    const code = await new Promise<number>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (exitCode) => resolve(exitCode ?? 1));
    });
    const seconds = (performance.now() - began) / 1000;
    const result = { code, output: lines.join("\n"), seconds };
    if (code !== 0 && !mayFail) throw commandError(command, result);
    return result;
  }
}
