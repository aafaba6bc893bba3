import type pg from "pg";
import { z } from "zod";
import { withConnection } from "./agents/migrate/connection.ts";
import { clusterOptions } from "./lib/cluster-options.ts";
import { findDatabase } from "./lib/find-database.ts";
import { countVerdicts, readAttempts, readVerdicts } from "./lib/journal-reader.ts";
import { progressLine } from "./lib/progress.ts";
import { exitCodes, runVerb, VerbError } from "./lib/verb.ts";
import { describeReplay } from "./replay/description.ts";
import { Recomputation } from "./replay/recomputation.ts";

const verb = {
  name: "replay",
  description: `
Recomputes every verdict of the guards from the evidence that the journal holds for it, and compares
the two bit for bit. Shows for each attempt how many verdicts there are, of which kinds, from when to
when, and how many come out differently; of the first ten it shows what differs. It needs nothing but
the database, changes nothing, and disturbs no guard that goes on writing.

Logs in as the reader of the database that the stack's configuration names, or as libpq's variables
say, as npm run db:status does.

Ends with 0 if all are the same, with 1 if one differs, with 2 if there is nothing to replay, if rows
are missing so that a verdict cannot be recomputed, or if no database is configured, and with 3 if the
database does not answer.`,
  options: {
    stack: clusterOptions.stack,
    attempt: {
      help: "recompute the verdicts of this attempt alone",
      placeholder: "name",
      schema: z
        .string()
        .regex(/^\d{8}T\d{6}Z$/, "use the name of an attempt, such as 20260102T030405Z")
        .optional(),
    },
    json: clusterOptions.json,
  },
};

await runVerb(verb, async ({ stack, attempt, json }, signal) => {
  const settings = await findDatabase(stack, process.env, signal);
  const { host, port, database, user } = settings;
  const [recomputation, recorded] = await withConnection(
    settings,
    "look",
    signal,
    async (client) => [await replay(client, attempt, signal), await readAttempts(client)],
  );
  const { attempts, mismatches } = recomputation;
  if (json) {
    const place = { host, port, name: database, user };
    const state = { stack, database: place, attempts, mismatches };
    process.stdout.write(`${JSON.stringify(state, undefined, 2)}\n`);
  } else {
    process.stdout.write(describeReplay(attempts, mismatches, recorded));
  }
  if (mismatches.length > 0) return exitCodes.gateFailed;
  return attempts.some(({ notReplayable }) => notReplayable > 0)
    ? exitCodes.refused
    : exitCodes.done;
});

/** @throws VerbError (code 2) where there is nothing to replay */
async function replay(
  client: pg.Client,
  attempt: string | undefined,
  signal: AbortSignal,
): Promise<Recomputation> {
  const count = await countVerdicts(client, attempt);
  if (count === undefined) {
    throw nothing("the database has no table of verdicts; npm run db:status shows what is pending");
  }
  if (count === 0 && attempt === undefined) throw nothing("the journal has no verdicts yet");
  if (count === 0) {
    const names = (await readAttempts(client)).map((recorded) => recorded.attempt.name);
    throw nothing(
      `the journal has no verdicts of attempt ${attempt}; its attempts: ${names.join(", ") || "none"}`,
    );
  }
  const recomputation = new Recomputation();
  const begin = performance.now();
  const show = progressLine(() => performance.now() - begin);
  let done = 0;
  try {
    for await (const entry of readVerdicts(client, { attempt, sessions: false })) {
      signal.throwIfAborted();
      const counts = attempt === undefined || entry.row.attempt === attempt;
      recomputation.add(entry, counts);
      if (counts) done += 1;
      if (done % 100 !== 0) continue;
      const tenths = Math.floor((10 * done) / count);
      show(`${String(tenths)}0 % of ${String(count)} verdicts are recomputed`);
    }
  } finally {
    show(undefined);
  }
  return recomputation;
}

function nothing(why: string): VerbError {
  return new VerbError(exitCodes.refused, `nothing to replay: ${why}`);
}
