import { z } from "zod";
import { exitCodes, runVerb } from "../lib/verb.ts";
import { nameOption } from "./name-option.ts";
import { environmentStatus, statusText } from "./status-report.ts";

await runVerb(
  {
    name: "local:status",
    description: `
Shows whether the local environment runs, its components and endpoints, which versions it consists of
and where they came from, and whether the engine's providers are the official ones.
Exit code 2 if it does not run or a component of it has stopped.`,
    options: {
      name: nameOption,
      json: { help: "print it as JSON", schema: z.boolean().default(false) },
    },
  },
  async ({ name, json }) => {
    const status = await environmentStatus(name);
    process.stdout.write(`${json ? JSON.stringify(status, undefined, 2) : statusText(status)}\n`);
    return status.complete ? exitCodes.done : exitCodes.refused;
  },
);
