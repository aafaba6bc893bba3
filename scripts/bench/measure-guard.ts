import type { Progress } from "../local/progress.ts";
import { takeGuardFigures } from "./guard/guard-figures.ts";
import type { GuardFigures } from "./guard/guard-figures.ts";
import type { GuardLoad } from "./guard/plan.ts";
import { DatabaseProcess } from "./guard/processes.ts";
import { chooseCores } from "./router/envoy-process.ts";

/**
 * The largest migration that the guard is made for. It knows nearly as many sessions of the attempt as it can hold, two
 * million, because its memory grows with them: at this rate that takes 20 minutes.
 */
const largest: GuardLoad = {
  agents: 100,
  pods: 1000,
  figuresSeconds: 5,
  decisionsPerSecond: 10_000,
  requestsPerSession: 7,
  knownSessions: 1_800_000,
  warmUpSeconds: 10,
  measuredSeconds: 60,
};

/** Measures the guard at its largest load, with a database for its journal. */
export async function measureGuard(progress: Progress, signal: AbortSignal): Promise<GuardFigures> {
  const cores = chooseCores();
  const database = await progress.step("Database of the guard's journal", () =>
    DatabaseProcess.start(cores.load, signal),
  );
  try {
    return await takeGuardFigures({ load: largest, cores, database, progress, signal });
  } finally {
    await database.stop();
  }
}
