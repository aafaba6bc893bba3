import { observeBrake } from "../infra/rollout/brake.ts";
import { heldEngagements, readBrake } from "./lib/brake-object.ts";
import { clusterOptions, findStack } from "./lib/cluster-options.ts";
import { GuardReader } from "./lib/guards.ts";
import { ReplicaReader } from "./lib/replicas.ts";
import { readRollout } from "./lib/rollout-object.ts";
import { exitCodes, runVerb } from "./lib/verb.ts";
import { statusTable } from "./status/table.ts";

const verb = {
  name: "status",
  description: `
Commanded is what the stack declares, applied is what the proxy of each router replica has in force,
observed is the share of the distinct sessions that was decided for V2. Commanded and applied differ
while a change is under way, while the brake is engaged, and while a raise waits for a ready V2 host.
The verdict is the guards', with what holds the stage. Counts are since each router pod started, by
decided side. Ends with 3 if a replica gives no report and with 2 if none is running, because then it
is not known what is applied. The agents' addresses are for npm run brake -- --agent, when the API
server is away.`,
  options: clusterOptions,
};

await runVerb(verb, async (options, signal) => {
  const target = await findStack(options);
  const { stack, namespace, client } = target;
  const [rollout, observation, replicas, guards] = await Promise.all([
    readRollout(target, signal),
    readBrake(target, signal),
    new ReplicaReader(client, namespace).read(signal),
    new GuardReader(client, namespace).read(signal),
  ]);
  const engagements = observeBrake(heldEngagements(replicas), observation);
  const state = { stack, namespace, rollout, engagements, replicas, guards };
  if (options.json) {
    const { engagements: list, ...rest } = state;
    const brake = { engaged: list.length > 0, engagements: list };
    process.stdout.write(`${JSON.stringify({ ...rest, brake }, undefined, 2)}\n`);
  } else {
    for (const [name, text] of statusTable(state, Date.now())) {
      process.stdout.write(`${name.padEnd(9)} ${text}\n`);
    }
  }
  if (replicas.length === 0) return exitCodes.refused;
  const known = replicas.every(({ report }) => report !== undefined);
  return known ? exitCodes.done : exitCodes.infrastructure;
});
