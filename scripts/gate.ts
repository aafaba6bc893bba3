import { observeBrake } from "../infra/rollout/brake.ts";
import { evaluateGate } from "../infra/rollout/gate/gate.ts";
import { retiredStage } from "../infra/rollout/stages.ts";
import { readJournal } from "./gate/read-journal.ts";
import { readV2Pods } from "./gate/read-v2-pods.ts";
import { gateTable } from "./gate/table.ts";
import { heldEngagements, readBrake } from "./lib/brake-object.ts";
import { clusterOptions, findStack } from "./lib/cluster-options.ts";
import { databaseOfStack, readStack } from "./lib/find-database.ts";
import { ReplicaReader } from "./lib/replicas.ts";
import { readRollout } from "./lib/rollout-object.ts";
import { VerbError, exitCodes, runVerb } from "./lib/verb.ts";

const verb = {
  name: "gate",
  description: `
Says whether the next stage may start: commanded, applied and observed agree, the brake is released, the
guards' newest verdict passes and comes out the same when it is computed again from the journal, the
stage has lasted, and what can be read by a machine of what its share asks for (error rate, latency,
memory, workers; from 25 % on scaling, affinity, telemetry, unexpected errors; from 50 % on the
comparison with V1 and resources). What only people can answer is listed. Changes nothing.

Ends with 0 if all holds, with 1 if something speaks against it, with 2 if something could not be
decided (missing or old data, and a verdict on the stage before, are never a pass), with 3 if the
cluster does not answer. Times are compared by the database's clock, not by that of this machine.`,
  options: clusterOptions,
};

/** A journal that is written every few seconds and older than this has stopped, seconds. */
const leastFreshness = 15;

const outcomeCodes = {
  passed: exitCodes.done,
  failed: exitCodes.gateFailed,
  undecided: exitCodes.refused,
} as const;

await runVerb(verb, async (options, signal) => {
  const target = await findStack(options);
  const [config, rollout, observation, reports, v2Pods] = await Promise.all([
    readStack(options.stack, signal),
    readRollout(target, signal),
    readBrake(target, signal),
    new ReplicaReader(target.client, target.namespace).read(signal),
    readV2Pods(target, signal),
  ]);
  if (config.stage.name !== rollout.stage) {
    throw new VerbError(
      exitCodes.refused,
      `the configuration says stage ${config.stage.name} and the cluster ${rollout.stage}: ` +
        `bring them together first (pulumi up --stack ${options.stack})`,
    );
  }
  const { thresholds, guard, stages, stage } = config;
  if (stage.name === retiredStage) {
    throw new VerbError(exitCodes.refused, "retired is the last stage: no gate comes after it");
  }
  const database = databaseOfStack(options.stack, config);
  const journaled = await readJournal(database, thresholds.window.seconds, signal).catch(
    (error: unknown) => {
      if (!(error instanceof VerbError)) throw error;
      process.stderr.write(`gate: the journal cannot be read: ${error.message}\n`);
      return { judged: undefined, window: undefined };
    },
  );
  const result = evaluateGate({
    stage,
    rollout,
    brakeEngaged: observeBrake(heldEngagements(reports), observation).length > 0,
    routers: {
      expected: config.router.retire ? 0 : config.router.replicas,
      reports: reports.flatMap(({ report }) => report ?? []),
    },
    ...journaled,
    freshSeconds: Math.max(leastFreshness, 3 * guard.journalSeconds),
    thresholds,
    measured: { contract: config.pool.contract, cpuLimit: config.v2Limits.cpu !== undefined },
    v2Pods,
  });
  const next = stages[stages.findIndex(({ name }) => name === stage.name) + 1]?.name;
  const place = { stack: target.stack, namespace: target.namespace, stage: stage.name, next };
  process.stdout.write(
    options.json
      ? `${JSON.stringify({ ...place, ...result }, undefined, 2)}\n`
      : gateTable(result, stage.name, next),
  );
  return outcomeCodes[result.outcome];
});
