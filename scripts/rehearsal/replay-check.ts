import type { Recomputation } from "../replay/recomputation.ts";
import type { ReplayCheck } from "./result.ts";
import type { StackCommands } from "./stack-commands.ts";

/** Computes every verdict of the journal again, by the verb that people use. */
export async function replayJournal(commands: StackCommands): Promise<ReplayCheck> {
  const { output } = await commands.stackVerb("replay", ["--json"], { mayFail: true });
  const { attempts } = JSON.parse(output) as Pick<Recomputation, "attempts">;
  return {
    verdicts: attempts.reduce((sum, { verdicts }) => sum + verdicts, 0),
    // What could not be computed again is not the same either.
    mismatches: attempts.reduce((sum, one) => sum + one.mismatches + one.notReplayable, 0),
  };
}
