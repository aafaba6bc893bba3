import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Progress } from "../../local/progress.ts";
import type { Cores } from "../router/envoy-process.ts";
import { sample } from "./evaluation-times.ts";
import { shortcomings } from "./evidence-check.ts";
import { observe, settle, untilFaultless } from "./observation.ts";
import type { Observation } from "./observation.ts";
import type { GuardLoad } from "./plan.ts";
import { processMemory } from "./process-usage.ts";
import type { ProcessMemory } from "./process-usage.ts";
import type { DatabaseProcess } from "./processes.ts";
import { GuardProcess, WorldProcess } from "./processes.ts";

/** What the guard took. */
export interface GuardFigures extends Pick<Observation, "coreShare" | "evaluations" | "waiting"> {
  readonly load: GuardLoad;
  /** Distinct sessions that it knew in the end. */
  readonly sessions: number;
  /** Whether it journaled. */
  readonly journal: boolean;
  /** Memory of its process; at most since it started, while the sessions were made that it knows among it. */
  readonly memory: ProcessMemory & {
    /** Parts of what is its own, MiB: JavaScript's heap, and buffers outside it, such as the table of sessions. */
    readonly heap: number;
    readonly external: number;
  };
}

/** Longest waits for the guard to name an attempt, and for the sessions that it is to know; seconds. */
const startPatience = 60;
const fillPatience = 300;

const mebibyte = 2 ** 20;

/** What is measured, where, and with what. */
interface GuardMeasurement {
  readonly load: GuardLoad;
  readonly cores: Cores;
  /** Of the guard's journal; undefined: it keeps none. */
  readonly database: DatabaseProcess | undefined;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/**
 * Measures the guard in a process of its own, on a core of its own, beside a simulated world in another process.
 *
 * @throws Error where it did not get all evidence, or judged a healthy V2 as harmful: then nothing is measured
 */
export async function takeGuardFigures(measurement: GuardMeasurement): Promise<GuardFigures> {
  const { load, cores, database, signal } = measurement;
  const directory = await mkdtemp(join(tmpdir(), "pool-migration-bench-"));
  let world: WorldProcess | undefined;
  let guard: GuardProcess | undefined;
  try {
    world = await WorldProcess.start(cores.load, load, signal);
    const { place } = await world.account();
    const settings = (await database?.account())?.settings;
    const options = { load, world: place, database: settings, directory };
    guard = await GuardProcess.start(cores.measured, options, signal);
    return await measure(world, guard, measurement);
  } finally {
    await guard?.stop();
    await world?.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

async function measure(
  world: WorldProcess,
  guard: GuardProcess,
  { load, database, progress, signal }: GuardMeasurement,
): Promise<GuardFigures> {
  const known = load.knownSessions.toLocaleString("en");
  await progress.step(`Guard that knows ${known} sessions`, async () => {
    await world.reaches("filling", startPatience, signal);
    await world.reaches("deciding", fillPatience, signal);
  });
  await progress.step("Load before its figures count", async () => {
    await sleep(load.warmUpSeconds * 1000, undefined, { signal });
    await untilFaultless(guard, signal);
  });
  return progress.step("Measured load", async (detail) => {
    const observation = await observe(world, guard, load.measuredSeconds, detail, signal);
    const { metrics, sessions } = await settle(world, guard, signal);
    const journaled = (await database?.account())?.verdicts;
    const problems = shortcomings({ ...observation, load, sessions, journaled });
    if (problems.length > 0) {
      throw new Error(
        `The guard is not measured: ${problems.join("; ")}. On a machine that does much else, try again when it is quiet.`,
      );
    }
    const { evaluations, coreShare, waiting } = observation;
    const mebibytes = (name: string) => sample(metrics, name) / mebibyte;
    return {
      load,
      sessions: sessions.known,
      journal: database !== undefined,
      ...{ evaluations, coreShare, waiting },
      memory: {
        ...processMemory(guard.pid),
        heap: mebibytes("nodejs_heap_size_total_bytes"),
        external: mebibytes("nodejs_external_memory_bytes"),
      },
    };
  });
}
