import type { Engagement } from "../../infra/rollout/brake.ts";
import type { GuardReport } from "../../infra/rollout/guard-report.ts";
import { effectivePercentage } from "../../infra/rollout/percentage.ts";
import type { RolloutRecord } from "../../infra/rollout/rollout-record.ts";
import { shareTolerance } from "../../infra/rollout/share-agreement.ts";
import { describeEngagement } from "../lib/brake-object.ts";
import type { GuardPod } from "../lib/guards.ts";
import { leadingReport } from "../lib/guards.ts";
import type { PodReport } from "../lib/pod-reports.ts";
import type { Replica } from "../lib/replicas.ts";

/** What is known about a stack. */
export interface State {
  readonly stack: string;
  readonly namespace: string;
  readonly rollout: RolloutRecord;
  readonly engagements: readonly Engagement[];
  readonly replicas: readonly Replica[];
  readonly guards: readonly GuardPod[];
}

/** A verdict that is older no longer counts as the present one, milliseconds. */
const staleVerdict = 15_000;

/** The state in ten lines: name and text of each. */
export function statusTable(state: State, now: number): [name: string, text: string][] {
  const { stack, namespace, rollout, replicas, guards } = state;
  const reporting = replicas.filter(({ report }) => report !== undefined);
  const guard = leadingReport(guards);
  return [
    ["stack", `${stack} (namespace ${namespace})`],
    ["stage", `${rollout.stage}: ${rollout.percentage} % commanded${since(guard, rollout, now)}`],
    ["applied", perReplica(reporting, ({ report }) => `${report?.appliedPercentage ?? ""} %`)],
    ["observed", observed(guard)],
    ["brake", brake(state)],
    ["verdict", verdict(guard, now)],
    ["waiting", perReplica(reporting, ({ report }) => report?.waiting ?? "nothing")],
    ["requests", requests(replicas)],
    ["routers", routers(replicas, reporting)],
    ["guards", guardLine(guards)],
  ];
}

function since(guard: GuardReport | undefined, rollout: RolloutRecord, now: number): string {
  if (guard === undefined || guard.stage.name !== rollout.stage) return "";
  const minutes = Math.max(0, Math.floor((now - guard.stage.since) / 60_000));
  return `; ${guard.stage.percentage} % for ${minutes} min`;
}

/** Share of the distinct sessions on V2 at the present percentage. */
function observed(guard: GuardReport | undefined): string {
  if (guard === undefined) return "not known: no guard reports";
  const { percentage } = guard.stage;
  const { v1, v2 } = guard.rates;
  const sessions = v1.sessions + v2.sessions;
  if (sessions === 0) return `no session at ${percentage} % yet`;
  const share = ((100 * v2.sessions) / sessions).toFixed(2);
  const tolerance = shareTolerance(percentage, sessions).toFixed(2);
  const count = sessions.toLocaleString("en");
  return `${share} % of ${count} sessions are on V2 (expected ${percentage} % within ${tolerance})`;
}

function brake({ engagements, rollout }: State): string {
  if (engagements.length === 0) return "released";
  const effective = effectivePercentage(rollout, true);
  const held = engagements.map(describeEngagement).join("; ");
  const stays =
    effective === 0 && rollout.percentage > 0
      ? `V2 gets 0 % until it is released, whatever is declared`
      : `V2 gets ${effective} %`;
  return `ENGAGED, ${stays}; ${held}`;
}

function verdict(guard: GuardReport | undefined, now: number): string {
  if (guard?.verdict == null) return "not known: no guard has judged";
  const { kind, reasons } = guard.verdict;
  const age = now - guard.at;
  const old = age > staleVerdict ? ` (${(age / 1000).toFixed(0)} s old)` : "";
  return `${kind}${old}: ${reasons.join("; ") || "nothing to say"}`;
}

function requests(replicas: readonly Replica[]): string {
  const reports = replicas.flatMap(({ report }) => report ?? []);
  const sum = (side: "v1" | "v2", count: "requests" | "failed" | "fallbacks") =>
    reports
      .reduce((total, { decisions }) => total + decisions[side][count], 0)
      .toLocaleString("en");
  const overrides = reports.reduce(
    (all, report) => all + report.overrides.v1 + report.overrides.v2,
    0,
  );
  return (
    `V1 ${sum("v1", "requests")} (${sum("v1", "failed")} failed); ` +
    `V2 ${sum("v2", "requests")} (${sum("v2", "failed")} failed, ${sum("v2", "fallbacks")} served by V1); ` +
    `overrides ${overrides.toLocaleString("en")}`
  );
}

function routers(replicas: readonly Replica[], reporting: readonly Replica[]): string {
  const total = (count: "unreadableLines" | "lostLines") =>
    reporting
      .reduce((lines, { report }) => lines + (report?.log[count] ?? 0), 0)
      .toLocaleString("en");
  const hosts = perReplica(
    reporting,
    ({ report }) => `V1 ${report?.readyHosts.v1}, V2 ${report?.readyHosts.v2}`,
  );
  const contact = perReplica(reporting, ({ report }) => {
    const { reachable = false, secondsSinceContact = 0 } = report?.apiServer ?? {};
    return reachable ? "yes" : `none for ${secondsSinceContact.toFixed(0)} s`;
  });
  const agents = replicas.flatMap(({ agent }) => agent ?? []).join(" ") || "no address is known";
  return [
    reportsOf(replicas),
    `ready hosts ${hosts}`,
    `log ${total("lostLines")} lines lost, ${total("unreadableLines")} unreadable`,
    `API contact ${contact}`,
    `agents ${agents}`,
  ].join("; ");
}

function guardLine(guards: readonly GuardPod[]): string {
  if (guards.length === 0) return "none is running: nobody brakes but people";
  const leader = guards.find(({ report }) => report?.leads === true);
  const leads = leader === undefined ? "none holds the Lease" : `${leader.pod} leads`;
  return [reportsOf(guards), leads, journal(leadingReport(guards))].join("; ");
}

function journal(guard: GuardReport | undefined): string {
  if (guard === undefined) return "journal not known";
  const { enabled, waiting, problem } = guard.journal;
  if (!enabled) return "no journal, because the stack has no database";
  const why = problem === null ? "" : ` (${problem})`;
  return waiting === 0 ? `journal written${why}` : `${waiting} entries of the journal wait${why}`;
}

/** How many report, and why the others do not. */
function reportsOf(pods: readonly PodReport<unknown>[]): string {
  const silent = pods.filter(({ report }) => report === undefined);
  const problems = silent.map(({ pod, problem }) => `; ${pod}: ${problem ?? ""}`).join("");
  return `${pods.length - silent.length} of ${pods.length} report${problems}`;
}

/** Joins what is the same in all replicas, and names the replicas where it differs. */
function perReplica(replicas: readonly Replica[], tell: (replica: Replica) => string): string {
  const told = replicas.map((replica) => ({ pod: replica.pod, text: tell(replica) }));
  const [first] = told;
  if (first === undefined) return "no router replica is running";
  if (told.every(({ text }) => text === first.text)) {
    return told.length === 1 ? first.text : `${first.text} (all ${told.length} replicas)`;
  }
  return told.map(({ pod, text }) => `${pod}: ${text}`).join("; ");
}
