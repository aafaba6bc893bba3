import type { GuardPod } from "../lib/guards.ts";
import type { StackCommands } from "./stack-commands.ts";

/**
 * The guards of a stack and what they report, by the verb that people use.
 *
 * @returns undefined where that verb fails
 */
export async function guardPods(commands: StackCommands): Promise<readonly GuardPod[] | undefined> {
  const { code, output } = await commands.stackVerb("status", ["--json"], { mayFail: true });
  return code === 0 ? (JSON.parse(output) as { guards: GuardPod[] }).guards : undefined;
}
