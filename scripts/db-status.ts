import { projectDirectories, status } from "./agents/migrate/commands.ts";
import { describeResult, isInOrder } from "./agents/migrate/description.ts";
import { findDatabase } from "./lib/find-database.ts";
import { clusterOptions } from "./lib/cluster-options.ts";
import { exitCodes, runVerb } from "./lib/verb.ts";

const verb = {
  name: "db:status",
  description: `
Compares the database with the SQL files of this checkout: which migrations are applied, when and by
whom, pending, edited since, or unknown here; what the verify queries find; and every table, column,
index, constraint, trigger, function and grant that differs from what the migrations made. Changes
nothing and waits for no lock.

Logs in as the reader of the database that the stack's configuration names (pulumi has to be able to
read it). Where PGHOST is set, libpq's variables say where to look and as whom: PGHOST, PGPORT,
PGDATABASE, PGUSER, PGSSLMODE (require, disable), and PGPASSWORD or PGPASSFILE. The database must be
reachable from here, as it must be for pulumi up.

Ends with 0 if all is in order, with 1 if something is pending, edited, unknown, wrong or different,
with 2 if no database is configured or it refuses the login, with 3 if it does not answer.`,
  options: { stack: clusterOptions.stack, json: clusterOptions.json },
};

await runVerb(verb, async ({ stack, json }, signal) => {
  const settings = await findDatabase(stack, process.env, signal);
  const { host, port, database, user } = settings;
  const result = await status({
    settings,
    directories: projectDirectories,
    progress: () => undefined,
    signal,
  });
  const inOrder = isInOrder(result);
  if (json) {
    const { migrations, problems, catalog } = result;
    const place = { host, port, name: database, user };
    const state = { stack, database: place, inOrder, migrations, problems, catalog };
    process.stdout.write(`${JSON.stringify(state, undefined, 2)}\n`);
  } else {
    process.stdout.write(`database ${database} at ${host}:${String(port)}, seen as ${user}\n\n`);
    process.stdout.write(describeResult(result));
  }
  return inOrder ? exitCodes.done : exitCodes.gateFailed;
});
