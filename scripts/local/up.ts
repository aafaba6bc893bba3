import { z } from "zod";
import { exitCodes, runVerb } from "../lib/verb.ts";
import { startEnvironment } from "./environment.ts";
import { nameOption } from "./name-option.ts";
import { streamProgress } from "./progress.ts";
import { environmentStatus, statusText } from "./status-report.ts";

await runVerb(
  {
    name: "local:up",
    description: `
Starts a single-node Kubernetes, with PostgreSQL and this project's images, in network, mount and
process namespaces of its own: nothing listens on this machine's addresses, and local:down removes
everything. Needs root on Linux.

What it consists of is downloaded once, or built where that is impossible, and cached. Doing this
again starts what has stopped since, brings the images up to date, and changes nothing else.`,
    options: {
      name: nameOption,
      noInstall: {
        help: "name missing packages of this machine instead of installing them",
        schema: z.boolean().default(false),
      },
      json: { help: "print the result as JSON", schema: z.boolean().default(false) },
    },
  },
  async ({ name, noInstall, json }, signal) => {
    const progress = streamProgress();
    const environment = await startEnvironment({ name, progress, install: !noInstall, signal });
    const status = await environmentStatus(environment.name);
    process.stdout.write(`${json ? JSON.stringify(status, undefined, 2) : statusText(status)}\n`);
    return exitCodes.done;
  },
);
