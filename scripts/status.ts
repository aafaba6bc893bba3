import type { Engagement } from "../infra/rollout/brake.ts";
import { observeBrake } from "../infra/rollout/brake.ts";
import { effectivePercentage } from "../infra/rollout/percentage.ts";
import type { RolloutRecord } from "../infra/rollout/rollout-record.ts";
import { describeEngagement, heldEngagements, readBrake } from "./lib/brake-object.ts";
import { clusterOptions, findStack } from "./lib/cluster-options.ts";
import type { Replica } from "./lib/replicas.ts";
import { ReplicaReader } from "./lib/replicas.ts";
import { readRollout } from "./lib/rollout-object.ts";
import { exitCodes, runVerb } from "./lib/verb.ts";

const verb = {
  name: "status",
  description: `
Commanded is what the stack declares, applied is what the proxy of each router replica has in force.
They differ while a change is under way, while the brake is engaged, and while a raise waits for a
ready V2 host. Counts are since each router pod started, by decided side. Ends with 3 if a replica gives no
report and with 2 if none is running, because then it is not known what is applied.
The agents' addresses are for npm run brake -- --agent, when the API server is away.`,
  options: clusterOptions,
};

/** Joins what is the same in all replicas, and names the replicas where it differs. */
function perReplica(replicas: readonly Replica[], tell: (replica: Replica) => string): string {
  const told = replicas.map((replica) => ({ pod: replica.pod, text: tell(replica) }));
  const [first] = told;
  if (first === undefined) return "no router replica is running";
  if (told.every(({ text }) => text === first.text)) {
    return told.length === 1 ? first.text : `${first.text} (all ${String(told.length)} replicas)`;
  }
  return told.map(({ pod, text }) => `${pod}: ${text}`).join("; ");
}

interface State {
  stack: string;
  namespace: string;
  rollout: RolloutRecord;
  engagements: readonly Engagement[];
  replicas: readonly Replica[];
}

function table({ stack, namespace, rollout, engagements, replicas }: State): string[][] {
  const reports = replicas.flatMap(({ report }) => report ?? []);
  const silent = replicas.filter(({ report }) => report === undefined);
  const reporting = replicas.filter(({ report }) => report !== undefined);
  const sum = (side: "v1" | "v2", count: "requests" | "failed" | "fallbacks") =>
    reports
      .reduce((total, { decisions }) => total + decisions[side][count], 0)
      .toLocaleString("en");
  const total = (count: "unreadableLines" | "lostLines") =>
    reports.reduce((lines, { log }) => lines + log[count], 0).toLocaleString("en");
  const overrides = reports.reduce(
    (all, report) => all + report.overrides.v1 + report.overrides.v2,
    0,
  );
  return [
    ["stack", `${stack} (namespace ${namespace})`],
    ["stage", `${rollout.stage}: ${String(rollout.percentage)} % commanded`],
    [
      "applied",
      perReplica(reporting, ({ report }) => `${String(report?.appliedPercentage ?? "")} %`),
    ],
    [
      "brake",
      engagements.length === 0
        ? "released"
        : `ENGAGED, V2 gets ${String(effectivePercentage(rollout, true))} %; ` +
          engagements.map(describeEngagement).join("; "),
    ],
    ["waiting", perReplica(reporting, ({ report }) => report?.waiting ?? "nothing")],
    [
      "ready hosts",
      perReplica(
        reporting,
        ({ report }) => `V1 ${String(report?.readyHosts.v1)}, V2 ${String(report?.readyHosts.v2)}`,
      ),
    ],
    [
      "requests",
      `V1 ${sum("v1", "requests")} (${sum("v1", "failed")} failed); ` +
        `V2 ${sum("v2", "requests")} (${sum("v2", "failed")} failed, ${sum("v2", "fallbacks")} served by V1); ` +
        `overrides ${overrides.toLocaleString("en")}`,
    ],
    ["log", `${total("lostLines")} lines lost, ${total("unreadableLines")} unreadable`],
    [
      "API contact",
      perReplica(reporting, ({ report }) => {
        const { reachable = false, secondsSinceContact = 0 } = report?.apiServer ?? {};
        return reachable ? "yes" : `none for ${secondsSinceContact.toFixed(0)} s`;
      }),
    ],
    [
      "replicas",
      `${String(reports.length)} of ${String(replicas.length)} report` +
        silent.map(({ pod, problem }) => `; ${pod}: ${problem ?? ""}`).join(""),
    ],
    ["agents", replicas.flatMap(({ agent }) => agent ?? []).join(" ") || "no address is known"],
  ];
}

await runVerb(verb, async (options, signal) => {
  const target = await findStack(options);
  const { stack, namespace, client } = target;
  const [rollout, observation, replicas] = await Promise.all([
    readRollout(target, signal),
    readBrake(target, signal),
    new ReplicaReader(client, namespace).read(signal),
  ]);
  const engagements = observeBrake(heldEngagements(replicas), observation);
  const state = { stack, namespace, rollout, engagements, replicas };
  if (options.json) {
    const { engagements: list, ...rest } = state;
    const brake = { engaged: list.length > 0, engagements: list };
    process.stdout.write(`${JSON.stringify({ ...rest, brake }, undefined, 2)}\n`);
  } else {
    for (const [name = "", text = ""] of table(state)) {
      process.stdout.write(`${name.padEnd(12)} ${text}\n`);
    }
  }
  if (replicas.length === 0) return exitCodes.refused;
  const known = replicas.every(({ report }) => report !== undefined);
  return known ? exitCodes.done : exitCodes.infrastructure;
});
