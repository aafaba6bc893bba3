import type { GuardFigures } from "./guard/guard-figures.ts";
import { waitingText, type BenchResult, type RouterVsEnvoy } from "./result.ts";
import type { BrakeTime } from "./stack/brake-time.ts";
import type { Detection } from "./stack/detection.ts";
import type { StageChange } from "./stack/stage-change.ts";
import { quantile, type Spread } from "./statistics.ts";

/** The result for people. */
export function resultTable(result: BenchResult): string {
  const { routerVsEnvoy, stageChange, brake, detection, guard, goals, machine, versions, engine } =
    result;
  const stack = engine
    ? [
        `engine ${engine.engine.version}, language host ${engine.languageHost}, providers ` +
          Object.entries(engine.providers)
            .map(([name, { version, kind }]) => `${name} ${version} ${kind}`)
            .join(", "),
      ]
    : [];
  const lines = [
    ...(routerVsEnvoy ? [...routerLines(routerVsEnvoy), ""] : []),
    ...(stageChange ? [...stageChangeLines(stageChange), ""] : []),
    ...(brake ? [...brakeLines(brake), ""] : []),
    ...(detection ? [...detectionLines(detection), ""] : []),
    ...(guard ? [...guardLines(guard), ""] : []),
    ...columns([
      ["goal", "", "measured", ""],
      ...goals.map(({ what, goal, measured, verdict }) => [
        what,
        goal,
        measured,
        verdict === "met" ? verdict : verdict.toUpperCase(),
      ]),
    ]),
    ...goals.flatMap(({ what, why }) => (why === undefined ? [] : [`  why: ${what}: ${why}`])),
    "",
    `on ${machine.cores} cores of ${machine.cpu}, load ${machine.loadAverage.toFixed(1)} at the start; ` +
      Object.entries(versions)
        .map(([name, version]) => `${name} ${version}`)
        .join(", "),
    ...stack,
  ];
  return `${lines.join("\n")}\n`;
}

function routerLines(router: RouterVsEnvoy): string[] {
  const { spreads, figures, agent, profile } = router;
  const middle = (arm: "router" | "envoy", figure: keyof (typeof figures)[number]["router"]) =>
    quantile(
      figures.map((pair) => pair[arm][figure]),
      0.5,
    );
  const row = (
    name: string,
    figure: "throughput" | "cpuMicroseconds" | "p50Ms" | "p99Ms" | "coreShare",
    digits: number,
    compared = "",
  ) => [
    name,
    middle("router", figure).toFixed(digits),
    middle("envoy", figure).toFixed(digits),
    compared,
  ];
  const kilo = profile.unit === "instructions" ? 1000 : 1;
  const unit = profile.unit === "instructions" ? "thousand instructions" : profile.unit;
  const cost = (value: number) => (value / kilo).toFixed(1);
  return [
    ...columns([
      [`router, ${router.pairs} pairs`, "router", "plain Envoy", "compared (range)"],
      row("requests a second", "throughput", 0, ratio(spreads.throughputRatio)),
      row("CPU µs a request", "cpuMicroseconds", 1, ratio(spreads.cpuRatio)),
      row("share of its core", "coreShare", 2),
      row("p50 ms, half load", "p50Ms", 2, added(spreads.p50AddedMs)),
      row("p99 ms, half load", "p99Ms", 2, added(spreads.p99AddedMs)),
      [unit, cost(profile.router), cost(profile.envoy), `x ${profile.ratio.toFixed(3)}`],
      ...profile.variants.map(({ name, saved }) => [`  ${name}`, cost(-saved), "", ""]),
    ]),
    `router-agent: ${agent.cpuMicroseconds.toFixed(1)} CPU µs a request at ${agent.requestsPerSecond} a second, apart from Envoy's`,
    ...(router.envoyWasTheLimit ? [] : ["at saturation the load was the limit, not Envoy"]),
  ];
}

function stageChangeLines(change: StageChange): string[] {
  const { spreads } = change;
  const seconds = ({ median, low, high }: Spread) => [
    `${median.toFixed(2)} s`,
    `${low.toFixed(2)} to ${high.toFixed(2)}`,
  ];
  const middle = [...change.figures].sort((a, b) => a.totalSeconds - b.totalSeconds)[
    Math.floor(change.figures.length / 2)
  ];
  return [
    ...columns([
      [`stage change, ${change.updates} updates`, "median", "range"],
      ["pulumi up", ...seconds(spreads.totalSeconds)],
      ["  engine", ...seconds(spreads.engineSeconds)],
      ["  language host", ...seconds(spreads.languageHostSeconds)],
      ["  program", ...seconds(spreads.programSeconds)],
      ["  providers", ...seconds(spreads.providerSeconds)],
      ["convergence", ...seconds(spreads.convergenceSeconds)],
    ]),
    ...(middle
      ? columns([
          [`timeline of the middle one (${middle.stage})`, "from", "to"],
          ...middle.timeline.map(({ what, beginSeconds, endSeconds }) => [
            `  ${what}`,
            `${beginSeconds.toFixed(2)} s`,
            `${endSeconds.toFixed(2)} s`,
          ]),
        ])
      : []),
  ];
}

function brakeLines(times: readonly BrakeTime[]): string[] {
  return columns([
    ["brake", "npm run brake", "range", "verb alone"],
    ...times.map(({ replicas, engageToZeroSeconds, spread, verbSeconds }) => [
      `${replicas} replicas`,
      `${engageToZeroSeconds.toFixed(2)} s`,
      `${spread.low.toFixed(2)} to ${spread.high.toFixed(2)}`,
      `${verbSeconds.toFixed(2)} s`,
    ]),
  ]);
}

function detectionLines({ stage, requestsPerSecond, faults, healthy }: Detection): string[] {
  return [
    ...columns([
      [
        `detection at ${stage}, ${requestsPerSecond} requests/s`,
        "0 % after",
        "each",
        "failed requests",
      ],
      ...faults.map(({ name, firstBadToZeroSeconds, failedRequests, figures }) => [
        name,
        secondsText(firstBadToZeroSeconds),
        figures.map((figure) => secondsText(figure.firstBadToZeroSeconds)).join(", "),
        String(failedRequests),
      ]),
    ]),
    `${healthy.falseRollbacks} rollbacks in ${healthy.migrations} healthy migrations, each ${healthy.outageSeconds} s without data`,
  ];
}

function secondsText(seconds: number | null): string {
  return seconds === null ? "no brake" : `${seconds.toFixed(1)} s`;
}

function guardLines(guard: GuardFigures): string[] {
  const { load, sessions, evaluations, coreShare, memory } = guard;
  const count = (value: number) => value.toLocaleString("en");
  const mebibytes = (value: number) => `${value.toFixed(0)} MiB`;
  return [
    ...columns([
      [`guard, ${evaluations.count} evaluations`, "median", "p99", "longest"],
      [
        "from asking to the verdict",
        ...[evaluations.median, evaluations.p99, evaluations.longest.whole].map(
          (seconds) => `${seconds.toFixed(3)} s`,
        ),
      ],
    ]),
    ...columns([
      ["memory", "at most", "own", "files"],
      ["", ...[memory.peak, memory.anonymous, memory.file].map(mebibytes)],
    ]),
    `${coreShare.toFixed(2)} of a core; at most ${evaluations.longestPause.toFixed(1)} s from one verdict to the next`,
    waitingText(guard),
    `with ${count(load.agents)} agents, ${count(load.pods)} pods, ${count(load.decisionsPerSecond)} requests a second, ` +
      `${count(sessions)} sessions in the end`,
  ];
}

function ratio({ median, low, high }: Spread): string {
  return `x ${median.toFixed(3)} (${low.toFixed(3)} to ${high.toFixed(3)})`;
}

function added({ median, low, high }: Spread): string {
  const sign = median < 0 ? "" : "+";
  return `${sign}${median.toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)})`;
}

function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}
