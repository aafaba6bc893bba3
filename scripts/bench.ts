import { mkdir, writeFile } from "node:fs/promises";
import { availableParallelism, cpus, loadavg } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { measureGuard } from "./bench/measure-guard.ts";
import { measureRouter } from "./bench/measure-router.ts";
import { judge, type Measured } from "./bench/result.ts";
import { resultTable } from "./bench/result-table.ts";
import { measureStack, type StackFigures } from "./bench/stack/measure-stack.ts";
import { exitCodes, runVerb } from "./lib/verb.ts";
import { engineInventory, type EngineInventory } from "./local/engine.ts";
import { findEnvironment, startEnvironment } from "./local/environment.ts";
import { nameOption } from "./local/name-option.ts";
import { projectRoot } from "./local/paths.ts";
import { streamProgress, type Progress } from "./local/progress.ts";
import { envoyVersion } from "./local/tools/envoy.ts";

const resultFile = join(projectRoot, "out", "bench.json");
const parts = ["router", "stage-change", "brake", "detection", "guard"] as const;

interface StackChoice {
  readonly name: string;
  readonly install: boolean;
  readonly stageChange: boolean;
  readonly brake: boolean;
  readonly detection: boolean;
}

/** Measures on a stack in the local environment, and stops the environment if it was not running before. */
async function onStack(
  { name, install, ...what }: StackChoice,
  progress: Progress,
  signal: AbortSignal,
): Promise<StackFigures & { engine: EngineInventory }> {
  const running = findEnvironment(name) !== undefined;
  const environment = await startEnvironment({ name, progress, install, signal });
  try {
    const engine = engineInventory(environment);
    if (!engine) throw new Error("The environment has no engine: run npm run local:up.");
    return { engine, ...(await measureStack({ environment, ...what, progress, signal })) };
  } finally {
    if (!running) await progress.step("Stop the environment", () => environment.stop());
  }
}

await runVerb(
  {
    name: "bench",
    description: `
router        the router against a plain Envoy that splits at random and writes the same log: alternating
              pairs on loopback, throughput at saturation, latency at half load, CPU for a request, and what
              each feature of the router costs (in instructions where valgrind is installed)
stage-change  pulumi up of a changed stage in the local environment: engine, language host, program,
              providers, and the time from the API server's write until the last replica applies it
brake         npm run brake until every replica applies 0 %, with 2 and with 10 replicas
detection     a V2 that fails always, and one that fails in 20 % of its requests, at 10 % and 100 requests a
              second, five times each: from its first bad answer until every replica applies 0 %; then three
              migrations of a healthy one, each with a minute in which no guard reaches a router or a pool
guard         the guard in a process of its own with 100 simulated router-agents that decide 10,000 requests
              a second, 1,000 pods of V2 and a database, while it knows nearly all the sessions that it can
              hold: how long an evaluation takes from asking the agents to the verdict, CPU and memory

A figure means something on a machine that does nothing else meanwhile. Router and guard need two cores,
the others root on Linux (see rehearse). The result is printed as a table and written to out/bench.json, with
each goal and, where one is not met, the profile that shows why. A goal for the router counts as met only
where the pairs show it: where they scatter over its limit, the instructions are what to look at. A missed goal is a result, not a failure:
the exit code is 0 whenever everything could be measured.`,
    options: {
      only: {
        help: `measure only this: ${parts.join(", ")}; may be given several times`,
        placeholder: "part",
        multiple: true,
        schema: z.array(z.enum(parts, { error: `use ${parts.join(", ")}` })).default([...parts]),
      },
      pairs: {
        help: "pairs of router and plain Envoy; fewer than 6 cannot show that a goal is met (default: 6)",
        placeholder: "number",
        schema: z.coerce
          .number({ error: "use a whole number from 1 to 100" })
          .int("use a whole number from 1 to 100")
          .min(1, "use a whole number from 1 to 100")
          .max(100, "use a whole number from 1 to 100")
          .default(6),
      },
      name: nameOption,
      noInstall: {
        help: "name missing packages of this machine instead of installing them",
        schema: z.boolean().default(false),
      },
      json: {
        help: "print out/bench.json instead of the table",
        schema: z.boolean().default(false),
      },
    },
  },
  async ({ only, pairs, name, noInstall, json }, signal) => {
    const began = performance.now();
    const progress = streamProgress();
    const head = {
      startedAt: new Date().toISOString(),
      machine: {
        cores: availableParallelism(),
        cpu: cpus()[0]?.model ?? "unknown",
        loadAverage: loadavg()[0] ?? 0,
      },
      versions: { envoy: envoyVersion, node: process.versions.node },
    };
    const routerVsEnvoy = only.includes("router")
      ? await measureRouter(pairs, progress, signal)
      : undefined;
    const stageChange = only.includes("stage-change");
    const brake = only.includes("brake");
    const detection = only.includes("detection");
    const what = { stageChange, brake, detection };
    const stack = Object.values(what).includes(true)
      ? await onStack({ name, install: !noInstall, ...what }, progress, signal)
      : {};
    const guard = only.includes("guard") ? await measureGuard(progress, signal) : undefined;
    const measured: Measured = {
      ...head,
      durationSeconds: Math.round((performance.now() - began) / 100) / 10,
      ...(routerVsEnvoy ? { routerVsEnvoy } : {}),
      ...stack,
      ...(guard ? { guard } : {}),
    };
    const result = judge(measured);
    await mkdir(join(projectRoot, "out"), { recursive: true });
    const text = `${JSON.stringify(result, undefined, 2)}\n`;
    await writeFile(resultFile, text);
    process.stdout.write(json ? text : `${resultTable(result)}Written to ${resultFile}\n`);
    return exitCodes.done;
  },
);
