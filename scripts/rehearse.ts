import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { exitCodes, runVerb } from "./lib/verb.ts";
import { engineInventory } from "./local/engine.ts";
import { findEnvironment, startEnvironment } from "./local/environment.ts";
import { nameOption } from "./local/name-option.ts";
import { projectRoot } from "./local/paths.ts";
import { streamProgress } from "./local/progress.ts";
import { defaultShape } from "./rehearsal/load-plan.ts";
import { rehearse } from "./rehearsal/rehearse.ts";
import { resultTable } from "./rehearsal/result-table.ts";

const resultFile = join(projectRoot, "out", "rehearsal.json");

await runVerb(
  {
    name: "rehearse",
    description: `
Brings up the local environment, or uses the one that runs, and in it a stack of its own: two pools, the
router, the database. Under steady load it walks from baseline to p100 and back with pulumi config set and
pulumi up, takes the router out of the callers' path and puts it in again, pulls and releases the brake, once
more with the API server dead, breaks V2's image, and proves at every stage that the right sessions are on the
right side and that nothing was lost. Then it checks both pools against the contract, destroys the stack, and
stops the environment if it has started it. Needs root on Linux; between seven and eight minutes on two cores
once the tools are cached.

The result is printed as a table and written to out/rehearsal.json.`,
    options: {
      name: nameOption,
      rate: {
        help: `requests a second (default: ${defaultShape.rate})`,
        placeholder: "number",
        schema: z.coerce
          .number({ error: "use a number from 20 to 2000" })
          .min(20, "use a number from 20 to 2000")
          .max(2000, "use a number from 20 to 2000")
          .default(defaultShape.rate),
      },
      seed: {
        help: `number from which the load is planned (default: ${defaultShape.seed})`,
        placeholder: "number",
        schema: z.coerce
          .number({ error: "use a whole number" })
          .int("use a whole number")
          .default(defaultShape.seed),
      },
      noInstall: {
        help: "name missing packages of this machine instead of installing them",
        schema: z.boolean().default(false),
      },
      keep: {
        help: "leave the environment running, and the stack too where the rehearsal breaks off",
        schema: z.boolean().default(false),
      },
      json: {
        help: "print out/rehearsal.json instead of the table",
        schema: z.boolean().default(false),
      },
    },
  },
  async ({ name, rate, seed, noInstall, keep, json }, signal) => {
    const startedAt = new Date();
    const progress = streamProgress();
    const running = findEnvironment(name) !== undefined;
    const environment = await startEnvironment({ name, progress, install: !noInstall, signal });
    try {
      const inventory = engineInventory(environment);
      if (!inventory) throw new Error("The environment has no engine: run npm run local:up.");
      const shape = { ...defaultShape, rate, seed };
      const what = { environment, inventory, shape, startedAt, keep };
      const result = await rehearse({ ...what, progress, signal });
      await mkdir(join(projectRoot, "out"), { recursive: true });
      const text = `${JSON.stringify(result, undefined, 2)}\n`;
      await writeFile(resultFile, text);
      process.stdout.write(json ? text : `${resultTable(result)}Written to ${resultFile}\n`);
      return result.passed ? exitCodes.done : exitCodes.gateFailed;
    } finally {
      if (!running && !keep) await progress.step("Stop the environment", () => environment.stop());
    }
  },
);
