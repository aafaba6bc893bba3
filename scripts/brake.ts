import { z } from "zod";
import type { Engagement } from "../infra/rollout/brake.ts";
import { engagePatch, newEngagementId, observeBrake } from "../infra/rollout/brake.ts";
import { objectNames } from "../infra/rollout/names.ts";
import { retiredStage } from "../infra/rollout/stages.ts";
import { awaitReplicas } from "./lib/await-replicas.ts";
import { describeEngagement, identify, patchBrake, readBrake } from "./lib/brake-object.ts";
import type { StackTarget } from "./lib/cluster-options.ts";
import {
  clusterOptions,
  dryRunOption,
  findStack,
  reasonOption,
  timeoutOption,
} from "./lib/cluster-options.ts";
import {
  brakeDirectly,
  retiredText,
  secondsSinceStart,
  tokenVariable,
} from "./lib/brake-directly.ts";
import { KubernetesError } from "./lib/kubernetes-error.ts";
import { waitUntil } from "./lib/progress.ts";
import type { Replica } from "./lib/replicas.ts";
import { ReplicaReader } from "./lib/replicas.ts";
import { VerbError, exitCodes, runVerb } from "./lib/verb.ts";

const verb = {
  name: "brake",
  description: `
Writes an engagement into the ConfigMap ${objectNames.brake} and waits until the agent of every router
replica reports the brake engaged and 0 % applied. No pulumi up releases it: only release does.
Waits for no lock and no journal. Run again, it finds its own engagement and goes on waiting.

Without this program:
  kubectl -n <namespace> patch configmap ${objectNames.brake} --field-manager=break-glass \\
    --type merge -p '{"data":{"engaged":"why"}}'

Without an API server: --agent with the address of every router pod (status prints them) and the token
router.brakeToken in a file or in ${tokenVariable}, from where the pods can be reached. It tells each agent
directly and asks no API server. New router pods do not know of it: brake again without --agent once the
API server answers.`,
  options: {
    reason: reasonOption,
    ...clusterOptions,
    agent: {
      help: "brake at this agent directly; repeat it for every router replica",
      placeholder: "url",
      multiple: true,
      schema: z
        .array(z.url({ protocol: /^https?$/, error: 'use a URL such as "http://10.0.0.7:9090"' }))
        .optional(),
    },
    tokenFile: {
      help: `file with the token of the direct brake (default: the variable ${tokenVariable})`,
      placeholder: "path",
      schema: z.string().min(1, "the value is empty").optional(),
    },
    timeout: timeoutOption(20),
    dryRun: dryRunOption,
  },
} as const;

/** A replica sends nothing to V2 any more. */
function isBraked({ report }: Replica): boolean {
  return report !== undefined && report.brake.engaged && report.appliedPercentage === 0;
}

function isRetired({ report }: Replica): boolean {
  return report?.commanded.stage === retiredStage;
}

function describe(replica: Replica): string {
  const { pod, report, problem } = replica;
  if (report === undefined) return `${pod}: ${problem ?? ""}`;
  const state = report.brake.engaged ? "brake engaged" : "brake not seen yet";
  return `${pod}: ${state}, ${String(report.appliedPercentage)} % applied`;
}

/** The engagement to wait for: one that the same person made for the same reason, or a new one. */
async function chooseEngagement(
  target: StackTarget,
  why: string,
  signal: AbortSignal,
): Promise<{ engagement: Engagement; written: boolean }> {
  const [identity, observation] = await Promise.all([
    identify(target.client, signal),
    readBrake(target, signal).catch((error: unknown) => {
      signal.throwIfAborted();
      // Whoever may write but not read can brake all the same; an earlier engagement is then not found.
      if (error instanceof KubernetesError) return { kind: "unknown" as const };
      throw error;
    }),
  ]);
  const earlier = observeBrake([], observation).find(
    (engagement) => engagement.who === identity.who && engagement.why === why,
  );
  if (earlier) return { engagement: earlier, written: true };
  const now = new Date();
  const record = { ...identity, why, when: now.toISOString() };
  return { engagement: { id: newEngagementId(now), ...record }, written: false };
}

/** Writes until the API server has it: the same key again changes nothing. */
async function write(
  target: StackTarget,
  engagement: Engagement,
  options: { signal: AbortSignal; dryRun: boolean; timeoutSeconds: number },
): Promise<void> {
  let failure: KubernetesError | undefined;
  const outcome = await waitUntil({
    timeoutSeconds: options.timeoutSeconds,
    intervalMilliseconds: 250,
    signal: options.signal,
    describe: () => `writing the engagement: ${failure?.message ?? "no answer yet"}`,
    look: async () => {
      try {
        await patchBrake(target, engagePatch(engagement.id, engagement), options);
        return true;
      } catch (error) {
        if (!(error instanceof KubernetesError)) throw error;
        if (error.failure === "notFound") throw missing(target, error);
        if (error.failure !== "noAnswer" && error.failure !== "unavailable") throw error;
        failure = error;
        return false;
      }
    },
  });
  if (outcome === "timeLimit" && failure) throw withoutApiServer(failure);
}

function withoutApiServer(failure: KubernetesError): VerbError {
  return new VerbError(
    exitCodes.infrastructure,
    `not confirmed as written: ${failure.message}\n` +
      "The routers keep what they apply. Brake at the agents themselves, from where their pods can be reached:\n" +
      "  npm run brake -- --agent http://<address of a router pod>:9090 [--agent …] " +
      "--token-file <file with router.brakeToken> --reason <text>\n" +
      "(npm run status prints the addresses while the API server answers; on a node, crictl inspectp does.)",
  );
}

function missing({ namespace, stack }: StackTarget, error: KubernetesError): VerbError {
  return new VerbError(
    exitCodes.refused,
    `nothing written: ${error.message}\n` +
      `Without the ConfigMap ${objectNames.brake} every router that sees so holds the brake by itself; ` +
      `npm run status -- --stack ${stack} --namespace ${namespace} shows it. ` +
      "If the namespace is the wrong one, name the right --stack, --namespace or --context.",
  );
}

await runVerb(verb, async (options, signal) => {
  const { agent: agents, dryRun } = options;
  if (agents) return await brakeDirectly(options, agents, { dryRun, signal });
  if (options.tokenFile !== undefined) {
    throw new VerbError(
      exitCodes.refused,
      "--token-file is for the direct brake: name the agents too, --agent <url>",
    );
  }
  const target = await findStack(options);
  const { engagement, written } = await chooseEngagement(target, options.reason, signal);
  if (!written) {
    const { timeout: timeoutSeconds } = options;
    await write(target, engagement, { signal, dryRun, timeoutSeconds });
  }
  const print = (outcome: string, replicas: readonly Replica[], lines: string[]) => {
    const { stack, namespace } = target;
    const listed = replicas.map((replica) => ({ ...replica, braked: isBraked(replica) }));
    const head = { stack, namespace, outcome, engagement, alreadyEngaged: written };
    const result = { ...head, seconds: secondsSinceStart(), replicas: listed };
    const text = options.json ? JSON.stringify(result, undefined, 2) : lines.join("\n");
    process.stdout.write(`${text}\n`);
  };
  const description = describeEngagement(engagement);
  if (dryRun) {
    print("dryRun", [], [`would engage in namespace ${target.namespace}: ${description}`]);
    return exitCodes.done;
  }

  const outcome = await awaitReplicas({
    reader: new ReplicaReader(target.client, target.namespace),
    timeoutSeconds: options.timeout,
    signal,
    // Without V1 there is nothing to wait for.
    reached: (replica) => isBraked(replica) || isRetired(replica),
    describe,
  });
  const { replicas, count, missing: open } = outcome;
  const begin = `${written ? "already engaged" : "engaged"}: ${description}`;
  if (replicas.some(isRetired)) {
    print("retired", replicas, [begin, retiredText]);
    return exitCodes.refused;
  }
  if (outcome.reached) {
    const time = `after ${secondsSinceStart().toFixed(1)} s`;
    print("engaged", replicas, [
      begin,
      `all traffic on V1: ${count} router replicas apply 0 %, ${time}`,
    ]);
  } else {
    const next = "the engagement stays written; run the same command again to go on waiting";
    print("unconfirmed", replicas, [begin, ...open, next]);
  }
  return outcome.exitCode;
});
