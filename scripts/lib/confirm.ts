import { createInterface } from "node:readline/promises";
import { VerbError, exitCodes } from "./verb.ts";

/**
 * Asks on the terminal; anything but `yes` refuses. Off a terminal nobody can answer: `--yes` is needed.
 *
 * @param assumeYes `--yes` was given
 * @throws VerbError (code 2) where the answer is no or cannot be had
 */
export async function confirm(
  question: string,
  assumeYes: boolean,
  signal: AbortSignal,
): Promise<void> {
  if (assumeYes) return;
  if (!process.stdin.isTTY) {
    throw new VerbError(
      exitCodes.refused,
      `${question}\nthis is no terminal: repeat the command with --yes if that is what you want`,
    );
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    // Ctrl-C on the terminal reaches readline, not the process, while a question is open.
    const interrupted = new Promise<never>((_, reject) => {
      terminal.once("SIGINT", () => reject(new VerbError(exitCodes.interrupted, "interrupted")));
    });
    const asked = terminal.question(`${question}\nType yes to go on: `, { signal });
    const answer = await Promise.race([asked, interrupted]);
    if (answer.trim().toLowerCase() !== "yes") {
      throw new VerbError(exitCodes.refused, "nothing changed: the answer was not yes");
    }
  } finally {
    terminal.close();
  }
}
