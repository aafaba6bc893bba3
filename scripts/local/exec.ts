import { constants } from "node:os";
import { exitCodes, runVerb } from "../lib/verb.ts";
import { findEnvironment } from "./environment.ts";
import { LocalError } from "./local-error.ts";
import { nameOption } from "./name-option.ts";
import { signalInside } from "./namespaces.ts";

/** Options stand before the command; what follows it is the command's own. */
function splitCommandLine(argv: readonly string[]): { own: string[]; command: string[] } {
  let index = 0;
  while (argv[index]?.startsWith("-")) {
    if (argv[index] === "--") {
      index += 1;
      break;
    }
    index += argv[index] === "--name" ? 2 : 1;
  }
  return { own: argv.slice(0, index).filter((word) => word !== "--"), command: argv.slice(index) };
}

const { own, command } = splitCommandLine(process.argv.slice(2));

await runVerb(
  {
    name: "local:exec",
    description: `
Runs a command inside the local environment: it sees this machine's files and the working directory, and
the cluster's network. KUBECONFIG and the engine's settings are in its environment. For example:

  npm run local:exec -- kubectl get pods --all-namespaces
  npm run local:exec -- bash

Its exit code is the command's.`,
    options: { name: nameOption },
  },
  async ({ name }) => {
    const [program, ...args] = command;
    if (program === undefined) {
      throw new LocalError(
        "a command is missing, for example: npm run local:exec -- kubectl get nodes",
        exitCodes.refused,
      );
    }
    const environment = findEnvironment(name);
    if (environment === undefined) {
      throw new LocalError(
        `The environment ${name} does not run. Start it: npm run local:up -- --name ${name}`,
        exitCodes.refused,
      );
    }
    const child = environment.spawnInside(program, args, { stdio: "inherit" });
    // Ctrl-C reaches the command from the terminal itself; a SIGTERM comes to this process alone.
    process.on("SIGTERM", () => signalInside(child, "SIGTERM"));
    return new Promise<number>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code, signal) =>
        resolve(signal === null ? (code ?? 0) : 128 + constants.signals[signal]),
      );
    });
  },
  own,
);
