import type { EngineInventory } from "../local/engine.ts";
import type { GuardFigures } from "./guard/guard-figures.ts";
import type { AgentFigures, Comparison } from "./router/compare.ts";
import type { RouterProfile } from "./router/profile.ts";
import type { BrakeTime } from "./stack/brake-time.ts";
import { measuredFaults, type Detection } from "./stack/detection.ts";
import type { StageChange } from "./stack/stage-change.ts";
import type { Spread } from "./statistics.ts";

/** The router against plain Envoy, with what its agent costs and where its own cost lies. */
export interface RouterVsEnvoy extends Comparison {
  readonly agent: AgentFigures;
  readonly profile: RouterProfile;
}

/** What was measured, and on what. */
export interface Measured {
  readonly startedAt: string;
  readonly durationSeconds: number;
  readonly machine: {
    readonly cores: number;
    readonly cpu: string;
    /** Load of the last minute when it began: above 1 it did something else as well. */
    readonly loadAverage: number;
  };
  readonly versions: Readonly<Record<string, string>>;
  /** Which engine, language host and providers ran; absent where none did. */
  readonly engine?: EngineInventory;
  readonly routerVsEnvoy?: RouterVsEnvoy;
  readonly stageChange?: StageChange;
  readonly brake?: readonly BrakeTime[];
  readonly detection?: Detection;
  readonly guard?: GuardFigures;
}

/** `not shown`: what was measured would meet the goal, but scatters so much that it may be chance. */
type GoalVerdict = "met" | "missed" | "not shown";

/** A goal and whether it is met. */
interface Goal {
  readonly what: string;
  readonly goal: string;
  readonly measured: string;
  readonly verdict: GoalVerdict;
  /** Where in this result it is shown why it is not met, and what it shows. */
  readonly why?: string;
}

/** What `npm run bench` writes. */
export interface BenchResult extends Measured {
  readonly goals: readonly Goal[];
  readonly allMet: boolean;
}

/** Limits that the program is to keep. */
const goals = {
  /** Router to plain Envoy. */
  leastThroughputRatio: 0.95,
  mostCpuRatio: 1.05,
  mostP99AddedMs: 0.3,
  /** A warm `pulumi up`, and the program in it. */
  mostUpSeconds: 5,
  mostProgramSeconds: 1.5,
  /** From the command to 0 % everywhere, its processes included. */
  mostBrakeSeconds: 1.5,
  /** From V2's first bad answer to 0 % everywhere, by failure; and what callers see of it. */
  mostDetectionSeconds: { [measuredFaults[0]]: 3, [measuredFaults[1]]: 20 },
  mostFailedRequests: 25,
  /** The guard's longest evaluation: meanwhile it sees nothing that V2 does. */
  mostEvaluationSeconds: 0.5,
  /** Most memory that its process ever took, MiB. */
  mostGuardMebibytes: 200,
} as const;

/** Judges what was measured. */
export function judge(measured: Measured): BenchResult {
  const found = [
    ...routerGoals(measured.routerVsEnvoy),
    ...stageChangeGoals(measured.stageChange),
    ...(measured.brake ?? []).map(brakeGoal),
    ...detectionGoals(measured.detection),
    ...guardGoals(measured.guard),
  ];
  return { ...measured, goals: found, allMet: found.every(({ verdict }) => verdict === "met") };
}

function routerGoals(router: RouterVsEnvoy | undefined): Goal[] {
  if (!router) return [];
  const { throughputRatio, cpuRatio, p99AddedMs, envoyWasTheLimit, spreads } = router;
  const why = whyRouter(router);
  const limited = envoyWasTheLimit ? "" : " (the load was the limit, not Envoy)";
  return [
    goal({
      what: "throughput at saturation, router to plain Envoy",
      goal: `at least ${goals.leastThroughputRatio}`,
      measured: `${throughputRatio.toFixed(3)}${limited}`,
      verdict: verdictOn(spreads.throughputRatio, (ratio) => ratio >= goals.leastThroughputRatio),
      why,
    }),
    goal({
      what: "CPU for a request, router to plain Envoy",
      goal: `at most ${goals.mostCpuRatio}`,
      measured: cpuRatio.toFixed(3),
      verdict: verdictOn(spreads.cpuRatio, (ratio) => ratio <= goals.mostCpuRatio),
      why,
    }),
    goal({
      what: "p99 that the router adds at half load",
      goal: `under ${goals.mostP99AddedMs} ms`,
      measured: `${p99AddedMs.toFixed(2)} ms`,
      verdict: verdictOn(spreads.p99AddedMs, (added) => added < goals.mostP99AddedMs),
      why,
    }),
  ];
}

/** Pairs on a busy machine scatter by far more than what the router costs. */
function verdictOn({ median, interval }: Spread, meets: (value: number) => boolean): GoalVerdict {
  if (!meets(median)) return "missed";
  return interval?.every(meets) ? "met" : "not shown";
}

/** What is measured again and again in the same way. */
function verdictOf(meets: boolean): GoalVerdict {
  return meets ? "met" : "missed";
}

function whyRouter({ profile }: RouterVsEnvoy): string {
  const dearest = [...profile.variants]
    .sort((a, b) => b.saved - a.saved)
    .slice(0, 3)
    .map(({ name, saved }) => `${name} ${saved.toLocaleString("en")} less`);
  const ratio = `${profile.ratio.toFixed(3)} of plain Envoy's ${profile.unit}`;
  return `routerVsEnvoy.profile: ${ratio}; ${dearest.join(", ")}`;
}

function stageChangeGoals(change: StageChange | undefined): Goal[] {
  if (!change) return [];
  const parts = (
    ["engineSeconds", "languageHostSeconds", "programSeconds", "providerSeconds"] as const
  ).map((part) => `${part.replace("Seconds", "")} ${change[part].toFixed(2)} s`);
  const why = `stageChange.figures[].timeline: ${parts.join(", ")}`;
  return [
    goal({
      what: "pulumi up of a stage change, warm",
      goal: `under ${goals.mostUpSeconds} s`,
      measured: `${change.totalSeconds.toFixed(2)} s`,
      verdict: verdictOf(change.totalSeconds < goals.mostUpSeconds),
      why,
    }),
    goal({
      what: "the program in it",
      goal: `under ${goals.mostProgramSeconds} s`,
      measured: `${change.programSeconds.toFixed(2)} s`,
      verdict: verdictOf(change.programSeconds < goals.mostProgramSeconds),
      why,
    }),
  ];
}

function brakeGoal({ replicas, engageToZeroSeconds, verbSeconds }: BrakeTime): Goal {
  return goal({
    what: `brake to 0 % at ${replicas} replicas, process start included`,
    goal: `under ${goals.mostBrakeSeconds} s`,
    measured: `${engageToZeroSeconds.toFixed(2)} s`,
    verdict: verdictOf(engageToZeroSeconds < goals.mostBrakeSeconds),
    why: `brake[].figures: the verb's own process takes ${verbSeconds.toFixed(2)} s of it, the rest is npm`,
  });
}

function detectionGoals(detection: Detection | undefined): Goal[] {
  if (!detection) return [];
  const { stage, faults, healthy } = detection;
  const seconds = faults.map(({ name, firstBadToZeroSeconds, figures }) => {
    const most = goals.mostDetectionSeconds[name];
    const all = figures.map((figure) => figure.firstBadToZeroSeconds ?? "no brake").join(", ");
    return goal({
      what: `${name} at ${stage}: off traffic`,
      goal: `within ${most} s`,
      measured:
        firstBadToZeroSeconds === null ? "no brake" : `${firstBadToZeroSeconds.toFixed(1)} s`,
      verdict: verdictOf(firstBadToZeroSeconds !== null && firstBadToZeroSeconds <= most),
      why: `detection.faults[].figures: ${all}`,
    });
  });
  const failed = faults
    .filter(({ name }) => name === measuredFaults[0])
    .map(({ name, failedRequests, figures }) =>
      goal({
        what: `${name} at ${stage}: failed requests`,
        goal: `at most ${goals.mostFailedRequests}`,
        measured: String(failedRequests),
        verdict: verdictOf(failedRequests <= goals.mostFailedRequests),
        why: `detection.faults[].figures: ${figures.map((figure) => figure.failedRequests).join(", ")}`,
      }),
    );
  return [
    ...seconds,
    ...failed,
    goal({
      what: `rollbacks in ${healthy.migrations} healthy migrations, ${healthy.outageSeconds} s without data in each`,
      goal: "0",
      measured: String(healthy.falseRollbacks),
      verdict: verdictOf(healthy.falseRollbacks === 0),
    }),
  ];
}

function guardGoals(guard: GuardFigures | undefined): Goal[] {
  if (!guard) return [];
  const { load, evaluations, memory } = guard;
  const { longest } = evaluations;
  const judging = longest.whole - longest.collecting;
  const parts = (["heap", "external", "file"] as const).map(
    (part) => `${part} ${memory[part].toFixed(0)} MiB`,
  );
  return [
    goal({
      what: `longest evaluation of the guard, ${load.agents} agents and ${load.pods.toLocaleString("en")} pods`,
      goal: `under ${goals.mostEvaluationSeconds} s`,
      measured: `${longest.whole.toFixed(2)} s`,
      verdict: verdictOf(longest.whole < goals.mostEvaluationSeconds),
      why: `guard.evaluations: collecting takes ${longest.collecting.toFixed(2)} s of it, judging ${judging.toFixed(2)} s; ${waitingText(guard)}`,
    }),
    goal({
      what: `most memory of the guard, ${guard.sessions.toLocaleString("en")} sessions`,
      goal: `under ${goals.mostGuardMebibytes} MiB`,
      measured: `${memory.peak.toFixed(0)} MiB`,
      verdict: verdictOf(memory.peak < goals.mostGuardMebibytes),
      why: `guard.memory: in the end ${parts.join(", ")}`,
    }),
  ];
}

/** How much the machine was in the way, as a clause. */
export function waitingText({ waiting }: GuardFigures): string {
  const percent = (share: number) => `${(100 * share).toFixed(0)} %`;
  return `the guard waited for its core ${percent(waiting.guard)} of the time, the agents ${percent(waiting.agents)}`;
}

function goal({ why, ...rest }: Goal): Goal {
  return rest.verdict === "met" || why === undefined ? rest : { ...rest, why };
}
