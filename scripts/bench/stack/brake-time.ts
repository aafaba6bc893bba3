import { once } from "node:events";
import type { Progress } from "../../local/progress.ts";
import { exitCodes, VerbError } from "../../lib/verb.ts";
import type { RunningStack } from "../../rehearsal/running-stack.ts";
import { spread, type Spread } from "../statistics.ts";

/** How long the brake takes at one number of router replicas. */
export interface BrakeTime {
  readonly replicas: number;
  /**
   * From the start of `npm run brake` to its end, at which every replica applies 0 %; the median, in seconds. The
   * processes of npm and of the verb are part of it.
   */
  readonly engageToZeroSeconds: number;
  /** What the verb's own process says: the same without npm. */
  readonly verbSeconds: number;
  readonly spread: Spread;
  readonly figures: readonly { readonly seconds: number; readonly verbSeconds: number }[];
}

const repetitions = 5;
const patienceSeconds = 120;

/**
 * Engages and releases the brake several times at a stage above 0 %.
 *
 * @param replicas number of router replicas; the stack is brought there first
 */
export async function measureBrake(
  stack: RunningStack,
  replicas: number,
  progress: Progress,
): Promise<BrakeTime> {
  if (stack.observed.replicas.length !== replicas) {
    await progress.step(`${replicas} router replicas`, async () => {
      await stack.commands.setConfig({ "router.replicas": String(replicas) });
      await stack.commands.up();
    });
  }
  await stack.observed.until(`${replicas} replicas in step`, patienceSeconds, () => {
    const { reports, appliedPercentage = 0 } = stack.observed;
    return reports.length === replicas && appliedPercentage > 0 ? true : undefined;
  });
  const figures: { seconds: number; verbSeconds: number }[] = [];
  await progress.step(`Brake at ${replicas} replicas`, async (detail) => {
    while (figures.length < repetitions) {
      detail(`${figures.length + 1} of ${repetitions}`);
      figures.push(await engage(stack, `measurement ${figures.length + 1}`, replicas));
      await stack.commands.stackVerb("release", ["--yes", "--reason", "measured"]);
    }
  });
  const times = spread(figures.map(({ seconds }) => seconds));
  return {
    replicas,
    engageToZeroSeconds: times.median,
    verbSeconds: spread(figures.map(({ verbSeconds }) => verbSeconds)).median,
    spread: times,
    figures,
  };
}

/** Pulls the brake as a person does. */
async function engage(
  stack: RunningStack,
  reason: string,
  replicas: number,
): Promise<{ seconds: number; verbSeconds: number }> {
  const { environment, stack: name, directory } = stack.commands.place;
  const args = ["run", "--silent", "brake", "--", "--stack", name, "--reason", reason, "--json"];
  const began = performance.now();
  const child = environment.spawnInside("npm", args, {
    cwd: directory,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  let errors = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => (output += text));
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (errors += text));
  const [code] = (await once(child, "close")) as [number | null];
  const seconds = Math.round(performance.now() - began) / 1000;
  if (code !== 0) {
    throw new VerbError(
      exitCodes.infrastructure,
      `npm run brake ended with code ${String(code)}:\n${errors}${output}`,
    );
  }
  const result = JSON.parse(output) as { seconds: number; replicas: readonly unknown[] };
  if (result.replicas.length !== replicas) {
    throw new Error(`The brake reached ${result.replicas.length} replicas, not ${replicas}.`);
  }
  return { seconds, verbSeconds: result.seconds };
}
