import { z } from "zod";
import type { Engagement } from "../infra/rollout/brake.ts";
import { isByGuard, observeBrake, releasePatch } from "../infra/rollout/brake.ts";
import { objectNames } from "../infra/rollout/names.ts";
import { effectivePercentage } from "../infra/rollout/percentage.ts";
import type { RolloutRecord } from "../infra/rollout/rollout-record.ts";
import { percentageOfStageName } from "../infra/rollout/stages.ts";
import { awaitReplicas } from "./lib/await-replicas.ts";
import {
  describeEngagement,
  heldEngagements,
  identify,
  patchBrake,
  readBrake,
} from "./lib/brake-object.ts";
import {
  clusterOptions,
  dryRunOption,
  findStack,
  reasonOption,
  timeoutOption,
} from "./lib/cluster-options.ts";
import { confirm } from "./lib/confirm.ts";
import type { Replica } from "./lib/replicas.ts";
import { ReplicaReader } from "./lib/replicas.ts";
import { readRollout } from "./lib/rollout-object.ts";
import { VerbError, exitCodes, runVerb } from "./lib/verb.ts";

/** Highest stage at which a guard's rollback may be released without `--force`. */
const safePercentage = 5;

const verb = {
  name: "release",
  description: `
Releases engagements of the brake by their ids (all that are shown now, or those named with --id),
so that traffic returns to what the stack declares, and waits until every router replica applies it.
An engagement made meanwhile stays in force. After a guard's rollback it refuses while the declared
stage is above p${String(safePercentage)}: lower the stage first, or --force with the reason.`,
  options: {
    reason: reasonOption,
    id: {
      help: "release this engagement alone; may be repeated (default: all)",
      placeholder: "id",
      multiple: true,
      schema: z.array(z.string().min(1, "the value is empty")).optional(),
    },
    ...clusterOptions,
    timeout: timeoutOption(60),
    force: {
      help: `release a guard's rollback above p${String(safePercentage)} all the same`,
      schema: z.boolean().default(false),
    },
    yes: { help: "do not ask", schema: z.boolean().default(false) },
    dryRun: dryRunOption,
  },
} as const;

/** The engagements that this release names. */
function chooseEngagements(
  shown: readonly Engagement[],
  ids: readonly string[] | undefined,
): readonly Engagement[] {
  if (ids === undefined) return shown;
  return ids.map((id) => {
    const engagement = shown.find((candidate) => candidate.id === id);
    if (engagement) return engagement;
    const known = shown.map((candidate) => candidate.id).join(", ") || "none";
    throw new VerbError(
      exitCodes.refused,
      `--id is "${id}": no such engagement; engaged: ${known}`,
    );
  });
}

/** A guard braked on evidence: back to a high percentage only by way of p5, or by a person's word. */
function refuseAfterGuard(
  engagements: readonly Engagement[],
  { stage }: RolloutRecord,
  { stack, force }: { stack: string; force: boolean },
): void {
  const percentage = percentageOfStageName(stage) ?? 100;
  const byGuard = engagements.filter(isByGuard);
  if (force || byGuard.length === 0 || percentage <= safePercentage) return;
  throw new VerbError(
    exitCodes.refused,
    `a guard rolled back, and the declared stage is ${stage}: ` +
      `${byGuard.map(describeEngagement).join("; ")}\n` +
      `lower the stage first (pulumi config set stage p5 --stack ${stack} && pulumi up --stack ${stack}), ` +
      "or repeat with --force if the reason says why that is safe",
  );
}

/** The replica has let go of the ids and applies what it is told to. */
function follows({ report }: Replica, ids: readonly string[]): boolean {
  if (report === undefined) return false;
  const { engaged, engagements } = report.brake;
  if (engagements.some(({ id }) => ids.includes(id))) return false;
  return report.appliedPercentage === effectivePercentage(report.commanded, engaged);
}

function describe({ pod, report, problem }: Replica): string {
  if (report === undefined) return `${pod}: ${problem ?? ""}`;
  const brake = report.brake.engaged ? "brake engaged" : "brake released";
  const waiting = report.waiting === null ? "" : `, ${report.waiting}`;
  return `${pod}: ${brake}, ${String(report.appliedPercentage)} % applied${waiting}`;
}

function list(title: string, engagements: readonly Engagement[], none?: string): string[] {
  if (engagements.length === 0) return none === undefined ? [] : [none];
  return [title, ...engagements.map((engagement) => `  ${describeEngagement(engagement)}`)];
}

await runVerb(verb, async (options, signal) => {
  const target = await findStack(options);
  const reader = new ReplicaReader(target.client, target.namespace);
  const [identity, observation, rollout, before] = await Promise.all([
    identify(target.client, signal),
    readBrake(target, signal),
    readRollout(target, signal),
    reader.read(signal),
  ]);
  if (observation.kind === "absent") {
    throw new VerbError(
      exitCodes.refused,
      `the ConfigMap ${objectNames.brake} is not in namespace ${target.namespace}, so nothing can be released: ` +
        `pulumi up --refresh --stack ${target.stack} makes it; then release the engagement "absent"`,
    );
  }
  const shown = observeBrake(heldEngagements(before), observation);
  const chosen = chooseEngagements(shown, options.id);
  const ids = chosen.map(({ id }) => id);
  const left = shown.filter(({ id }) => !ids.includes(id));
  refuseAfterGuard(chosen, rollout, { stack: target.stack, force: options.force });

  const reached = (replica: Replica) => follows(replica, ids);
  const print = (
    outcome: string,
    stillEngaged: readonly Engagement[],
    replicas: readonly Replica[],
    lines: string[],
  ) => {
    const { stack, namespace } = target;
    const listed = replicas.map((replica) => ({ ...replica, follows: reached(replica) }));
    const head = { stack, namespace, outcome, stage: rollout.stage };
    const seconds = Math.round(performance.now() / 10) / 100;
    const result = { ...head, released: chosen, stillEngaged, seconds, replicas: listed };
    const text = options.json ? JSON.stringify(result, undefined, 2) : lines.join("\n");
    process.stdout.write(`${text}\n`);
  };
  const nothing = "the brake is not engaged: nothing to release";

  if (chosen.length > 0) {
    const record = { who: identity.who, when: new Date().toISOString(), why: options.reason };
    if (!options.dryRun) {
      const percentage = effectivePercentage(rollout, left.length > 0);
      const question = [
        ...list(`Release the brake in namespace ${target.namespace}:`, chosen),
        ...list("still engaged:", left),
        `V2's share goes to ${String(percentage)} % (stage ${rollout.stage}).`,
      ];
      await confirm(question.join("\n"), options.yes, signal);
    }
    await patchBrake(target, releasePatch(ids, record), { signal, dryRun: options.dryRun });
  }
  if (options.dryRun) {
    const begin = list(`would release in namespace ${target.namespace}:`, chosen, nothing);
    print("dryRun", left, before, [...begin, ...list("still engaged:", left)]);
    return exitCodes.done;
  }

  const { timeout: timeoutSeconds } = options;
  const outcome = await awaitReplicas({ reader, timeoutSeconds, signal, reached, describe });
  const { replicas, count, missing } = outcome;
  // Somebody may have engaged anew meanwhile: such an engagement is in force and is shown.
  const still = heldEngagements(replicas).filter(({ id }) => !ids.includes(id));
  const applied = [...new Set(replicas.map(({ report }) => report?.appliedPercentage))];
  print(outcome.reached ? "released" : "unconfirmed", still, replicas, [
    ...list("released:", chosen, nothing),
    ...list("still engaged:", still),
    ...(outcome.reached
      ? [`${count} router replicas apply ${applied.join(" and ")} % (stage ${rollout.stage})`]
      : missing),
  ]);
  return outcome.exitCode;
});
