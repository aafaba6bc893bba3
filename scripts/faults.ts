import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { drillStack } from "./faults/drill-stack.ts";
import { VerbError, exitCodes, runVerb } from "./lib/verb.ts";
import { findEnvironment, startEnvironment } from "./local/environment.ts";
import { nameOption } from "./local/name-option.ts";
import { projectRoot } from "./local/paths.ts";
import { streamProgress } from "./local/progress.ts";
import { faultPlans } from "./rehearsal/fault-plans.ts";
import type { FaultResult } from "./rehearsal/fault-trial.ts";
import { defaultShape } from "./rehearsal/load-plan.ts";

const resultFile = join(projectRoot, "out", "faults.json");

const verb = {
  name: "faults",
  description: `
Deploys a stack of its own in the local environment and breaks it in every planned way under load: V2
fails always, fails 20 %, breaks every program (p5); takes three times V1's p95, hangs, crashes again
and again, and once both sides fail (p25); V2 leaks (p100). The guards have to pull the brake each time
but at the shared failure; after each brake it is released, as by a person who has repaired V2. Prints a
table and writes out/faults.json. Needs root on Linux; about a quarter of an hour.

Ends with 1 if a guard did not brake where it had to, or did where it must not.`,
  options: {
    name: nameOption,
    only: {
      help: `a part of the name of the faults to try (${faultPlans.map(({ name }) => `"${name}"`).join(", ")})`,
      placeholder: "text",
      schema: z.string().min(1).optional(),
    },
    rate: {
      help: "requests a second (default: 100)",
      placeholder: "number",
      schema: z.coerce
        .number({ error: "use a number from 20 to 500" })
        .min(20, "use a number from 20 to 500")
        .max(500, "use a number from 20 to 500")
        .default(100),
    },
    dryRun: { help: "list what would be tried", schema: z.boolean().default(false) },
    json: {
      help: "print out/faults.json instead of the table",
      schema: z.boolean().default(false),
    },
  },
} as const;

/** What holds of a fault, in a line. */
function describe(fault: FaultResult): string {
  const { name, stage, expected, braked, firstBadToZeroSeconds, failedRequests } = fault;
  const outcome = braked ? `0 % after ${firstBadToZeroSeconds ?? "?"} s` : "no brake";
  const judged = braked === expected ? "as it must be" : "WRONG";
  return `${stage.padEnd(5)} ${name.padEnd(40)} ${outcome.padEnd(18)} ${String(failedRequests).padStart(5)} failed requests  ${judged}`;
}

await runVerb(verb, async ({ name, only, rate, dryRun, json }, signal) => {
  const plans = faultPlans
    .filter((plan) => only === undefined || plan.name.includes(only))
    .toSorted((a, b) => Number(a.stage.slice(1)) - Number(b.stage.slice(1)));
  if (plans.length === 0) {
    const names = faultPlans.map((plan) => `"${plan.name}"`).join(", ");
    throw new VerbError(
      exitCodes.refused,
      `--only is "${only}": no fault is named so; use a part of ${names}`,
    );
  }
  if (dryRun) {
    for (const plan of plans) process.stdout.write(`${plan.stage.padEnd(5)} ${plan.name}\n`);
    return exitCodes.done;
  }
  const startedAt = new Date();
  const progress = streamProgress();
  const running = findEnvironment(name) !== undefined;
  const environment = await startEnvironment({ name, progress, signal });
  try {
    const shape = { ...defaultShape, rate };
    const drilled = await drillStack({ environment, progress, plans, shape, signal });
    const { faults, falseRollbacks } = drilled;
    const passed = falseRollbacks === 0 && faults.every((fault) => fault.braked === fault.expected);
    const durationSeconds = Math.round((Date.now() - startedAt.getTime()) / 1000);
    const result = {
      passed,
      startedAt: startedAt.toISOString(),
      durationSeconds,
      falseRollbacks,
      faults,
    };
    const text = `${JSON.stringify(result, undefined, 2)}\n`;
    await mkdir(join(projectRoot, "out"), { recursive: true });
    await writeFile(resultFile, text);
    const lines = [...faults.map(describe), `${falseRollbacks} false rollbacks`];
    process.stdout.write(json ? text : `\n${lines.join("\n")}\nWritten to ${resultFile}\n`);
    return passed ? exitCodes.done : exitCodes.gateFailed;
  } finally {
    if (!running) await progress.step("Stop the environment", () => environment.stop());
  }
});
