import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import { observeBrake } from "../infra/rollout/brake.ts";
import { heldEngagements, readBrake } from "./lib/brake-object.ts";
import type { StackTarget } from "./lib/cluster-options.ts";
import { clusterOptions, findStack } from "./lib/cluster-options.ts";
import { GuardReader, leadingReport } from "./lib/guards.ts";
import { KubernetesError } from "./lib/kubernetes-error.ts";
import { ReplicaReader } from "./lib/replicas.ts";
import { readRollout } from "./lib/rollout-object.ts";
import { exitCodes, runVerb } from "./lib/verb.ts";
import type { Look } from "./watch/view.ts";
import { plainLine, viewLines } from "./watch/view.ts";

const verb = {
  name: "watch",
  description: `
Shows what the guards see and how they judge, again and again until Ctrl-C: share of the sessions,
error rate and answer times of both sides, e-values against their limits, the evidence that the stage
still needs, and the brake. On a terminal the view is redrawn; elsewhere it is one line each time
something changes, and at least every ten seconds. With --json each line is the state as JSON. While
the API server does not answer, that is what it says.`,
  options: {
    ...clusterOptions,
    interval: {
      help: "seconds between two looks (default: 1)",
      placeholder: "seconds",
      schema: z.coerce
        .number({ error: "use a number of seconds from 0.5 to 60" })
        .min(0.5, "use a number of seconds from 0.5 to 60")
        .max(60, "use a number of seconds from 0.5 to 60")
        .default(1),
    },
    count: {
      help: "end after so many looks (default: never)",
      placeholder: "number",
      schema: z.coerce
        .number({ error: "use a whole number from 1" })
        .int("use a whole number from 1")
        .min(1, "use a whole number from 1")
        .optional(),
    },
  },
} as const;

/** Off a terminal an unchanged line is printed again after this time, milliseconds. */
const repeat = 10_000;

const clearScreen = "\u001b[H\u001b[2J";

async function look(target: StackTarget, readers: Readers, signal: AbortSignal): Promise<Look> {
  const [rollout, observation, replicas, guards] = await Promise.all([
    readRollout(target, signal),
    readBrake(target, signal),
    readers.replicas.read(signal),
    readers.guards.read(signal),
  ]);
  const engagements = observeBrake(heldEngagements(replicas), observation);
  const guard = leadingReport(guards);
  return { stack: target.stack, rollout, engagements, guard, at: Date.now() };
}

interface Readers {
  readonly replicas: ReplicaReader;
  readonly guards: GuardReader;
}

await runVerb(verb, async (options, signal) => {
  const target = await findStack(options);
  const { client, namespace } = target;
  const readers = {
    replicas: new ReplicaReader(client, namespace),
    guards: new GuardReader(client, namespace),
  };
  const live = process.stdout.isTTY && !options.json;
  let last = { text: "", at: 0 };
  const show = (text: string) => {
    const now = Date.now();
    // The time at the begin of a line is no change.
    const same = text.replace(/^\S+ /, "") === last.text.replace(/^\S+ /, "");
    if (live) process.stdout.write(`${clearScreen}${text}\n`);
    else if (options.json || !same || now - last.at >= repeat) {
      process.stdout.write(`${text}\n`);
      last = { text, at: now };
    }
  };
  for (let looks = 1; ; looks += 1) {
    try {
      const seen = await look(target, readers, signal);
      if (options.json) show(JSON.stringify(seen));
      else show(live ? fitted(viewLines(seen)) : plainLine(seen));
    } catch (error) {
      signal.throwIfAborted();
      // Who may not look will not be allowed to in a second either.
      if (!(error instanceof KubernetesError) || error.failure === "refused") throw error;
      const time = new Date().toISOString().replace(/\.\d{3}/, "");
      show(options.json ? JSON.stringify({ problem: error.message }) : `${time} ${error.message}`);
    }
    if (looks === options.count) return exitCodes.done;
    await delay(options.interval * 1000, undefined, { signal });
  }
});

/** Lines that are not longer than the terminal is wide, so that none takes two rows. */
function fitted(lines: readonly string[]): string {
  // Some terminals do not say how wide they are.
  const columns = process.stdout.columns || 120;
  return lines.map((line) => line.slice(0, columns)).join("\n");
}
