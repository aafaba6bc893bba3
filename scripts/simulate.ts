import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate as breathe } from "node:timers/promises";
import { format, resolveConfig } from "prettier";
import { z } from "zod";

import { exitCodes, runVerb } from "./lib/verb.ts";
import { progressLine } from "./lib/progress.ts";
import { projectRoot } from "./local/paths.ts";
import { cases } from "./simulate/cases.ts";
import { simulationReport } from "./simulate/report.ts";
import { simulationResult } from "./simulate/result.ts";
import { runCase } from "./simulate/run-case.ts";
import { runScenario, scenarios } from "./simulate/scenarios.ts";

const wholeNumber = (minimum: number, standard: number) =>
  z
    .string()
    .optional()
    .transform((text) => Number(text ?? standard))
    .refine((value) => Number.isSafeInteger(value) && value >= minimum, {
      error: `use a whole number of at least ${String(minimum)}`,
    });

const flag = z.boolean().optional().default(false);

const verb = {
  name: "simulate",
  description: `
Runs the guard's own evaluation over thousands of simulated migrations: healthy ones of unequal sticky
sessions, faulty ones, outages of both sides, and broken data. Writes out/simulation.json. The random
numbers depend only on the seed, so the same seed gives the same file everywhere. Needs nothing but
this machine; all of it takes some minutes. Ends with 1 when a goal is missed.`,
  options: {
    migrations: {
      help: "healthy migrations; the other cases are parts of this number (2000)",
      placeholder: "number",
      schema: wholeNumber(30, 2000),
    },
    seed: {
      help: "seed of the random numbers (1)",
      placeholder: "number",
      schema: wholeNumber(0, 1),
    },
    record: { help: "also write docs/simulation.md and docs/simulation.json", schema: flag },
    dryRun: { help: "list what would be simulated", schema: flag },
    json: { help: "print the result as JSON", schema: flag },
  },
};

await runVerb(verb, async ({ migrations, seed, record, dryRun, json }, signal) => {
  const planned = cases.map((one) => ({
    one,
    count: Math.max(10, Math.ceil(migrations * one.share)),
  }));
  const total = planned.reduce((sum, { count }) => sum + count, 0);
  if (dryRun) {
    for (const { one, count } of planned) {
      process.stdout.write(`${String(count).padStart(6)}  ${one.name}\n`);
    }
    for (const { name } of scenarios) process.stdout.write(`     1  ${name}\n`);
    return exitCodes.done;
  }
  const done = [];
  let finished = 0;
  const begin = performance.now();
  const show = progressLine(() => performance.now() - begin);
  let progress = "";
  const timer = setInterval(() => show(progress), 500);
  try {
    for (const { one, count } of planned) {
      const result = await runCase(one, seed, count, async (index) => {
        signal.throwIfAborted();
        const percent = 5 * Math.floor((20 * (finished + index)) / total);
        progress = `${String(percent)} % of ${String(total)} migrations; ${one.name}`;
        await breathe();
      });
      finished += count;
      done.push({ one, result });
    }
  } finally {
    clearInterval(timer);
    show(undefined);
  }
  const result = simulationResult(
    seed,
    done,
    scenarios.map((scenario) => runScenario(scenario, seed)),
  );
  const text = `${JSON.stringify(result, undefined, 2)}\n`;
  await mkdir(join(projectRoot, "out"), { recursive: true });
  await writeFile(join(projectRoot, "out", "simulation.json"), text);
  if (record) {
    const path = join(projectRoot, "docs", "simulation.md");
    const settings = { ...(await resolveConfig(path)), parser: "markdown" };
    await writeFile(path, await format(simulationReport(result), settings));
    await writeFile(join(projectRoot, "docs", "simulation.json"), text);
  }
  if (json) process.stdout.write(text);
  else {
    for (const { goal, measured, met } of result.goals) {
      process.stdout.write(`${met ? "met   " : "MISSED"}  ${goal}: ${measured}\n`);
    }
    process.stdout.write("Everything is in out/simulation.json\n");
  }
  return result.goals.every(({ met }) => met) ? exitCodes.done : exitCodes.gateFailed;
});
