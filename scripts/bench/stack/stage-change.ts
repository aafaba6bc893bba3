import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Progress } from "../../local/progress.ts";
import type { RunningStack } from "../../rehearsal/running-stack.ts";
import { spread, type Spread } from "../statistics.ts";
import { parseTrace, splitUpdate, type TracedUpdate, type UpdateParts } from "./trace.ts";

/** One measured change of the stage. */
export interface StageChangeFigures extends TracedUpdate {
  readonly stage: string;
  /** From the API server's word of the new percentage until the last replica applies it, seconds. */
  readonly convergenceSeconds: number;
}

/** What a change of the stage takes, medians of several. */
export interface StageChange extends UpdateParts {
  readonly convergenceSeconds: number;
  readonly updates: number;
  readonly spreads: Readonly<Record<keyof UpdateParts | "convergenceSeconds", Spread>>;
  /** Each change with where its time went. */
  readonly figures: readonly StageChangeFigures[];
}

/** The first change warms what has to be warm: files, compiled modules. */
const warmUpStage = "p10";
/** Up and down, because both are made and neither may be slow. */
const stages = ["p25", "p50", "p75", "p50", "p25"] as const;

const patienceSeconds = 60;

/**
 * Sums up changes of the stage.
 */
export function summarizeChanges(figures: readonly StageChangeFigures[]): StageChange {
  const of = (part: keyof UpdateParts | "convergenceSeconds") =>
    spread(figures.map((change) => change[part]));
  const spreads = {
    totalSeconds: of("totalSeconds"),
    engineSeconds: of("engineSeconds"),
    languageHostSeconds: of("languageHostSeconds"),
    programSeconds: of("programSeconds"),
    providerSeconds: of("providerSeconds"),
    convergenceSeconds: of("convergenceSeconds"),
  };
  return {
    totalSeconds: spreads.totalSeconds.median,
    engineSeconds: spreads.engineSeconds.median,
    languageHostSeconds: spreads.languageHostSeconds.median,
    programSeconds: spreads.programSeconds.median,
    providerSeconds: spreads.providerSeconds.median,
    convergenceSeconds: spreads.convergenceSeconds.median,
    updates: figures.length,
    spreads,
    figures,
  };
}

/** Changes the stage several times by `pulumi up`, with the engine's own trace of where the time goes. */
export async function measureStageChanges(
  stack: RunningStack,
  progress: Progress,
): Promise<StageChange> {
  const directory = await mkdtemp(join(tmpdir(), "pool-migration-trace-"));
  try {
    await progress.step("Warm up: one change of the stage", () =>
      changeStage(stack, warmUpStage, directory),
    );
    const figures: StageChangeFigures[] = [];
    await progress.step(`${stages.length} changes of the stage`, async (detail) => {
      for (const stage of stages) {
        detail(`${stage}, ${figures.length + 1} of ${stages.length}`);
        figures.push(await changeStage(stack, stage, directory));
      }
    });
    return summarizeChanges(figures);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function changeStage(
  stack: RunningStack,
  stage: string,
  directory: string,
): Promise<StageChangeFigures> {
  const trace = join(directory, "trace.json");
  const untraced = join(directory, "untraced.cjs");
  // A program that is asked to trace loads modules that it otherwise does not: only the engine is to trace.
  await writeFile(untraced, "delete process.env.TRACEPARENT;\n");
  await stack.commands.setConfig({ stage });
  const before = stack.observed.rollout?.resourceVersion;
  const begin = Date.now();
  const { seconds } = await stack.commands.up({
    args: ["--otel-traces", `file://${trace}`],
    variables: { NODE_OPTIONS: `--require ${untraced}` },
  });
  const write = await stack.observed.until(`stage ${stage} to be written`, patienceSeconds, () => {
    const rollout = stack.observed.rollout;
    return rollout?.stage === stage && rollout.resourceVersion !== before ? rollout : undefined;
  });
  const what = `every router to apply ${write.percentage} %`;
  const appliedAt = await stack.observed.until(what, patienceSeconds, () =>
    stack.observed.convergedSince(write.percentage),
  );
  const spans = parseTrace(await readFile(trace, "utf8"));
  return {
    stage,
    ...splitUpdate(spans, begin, seconds),
    convergenceSeconds: Math.round(appliedAt - write.at) / 1000,
  };
}
