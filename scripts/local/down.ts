import { exitCodes, runVerb } from "../lib/verb.ts";
import { stopEnvironment } from "./environment.ts";
import { nameOption } from "./name-option.ts";
import { streamProgress } from "./progress.ts";

await runVerb(
  {
    name: "local:down",
    description: `
Ends the local environment, complete or half started, and removes all of it: processes, mounts,
interfaces, control groups, the cluster's and the database's data, credentials, logs, and the state of
stacks that lived in it. Downloaded and built programs stay in the cache.`,
    options: { name: nameOption },
  },
  async ({ name }) => {
    await streamProgress().step(`Remove environment ${name}`, () => stopEnvironment(name));
    return exitCodes.done;
  },
);
