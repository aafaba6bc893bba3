import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import type { LoadPlan, LoadReport } from "./load-plan.ts";

/**
 * Runs a load on a core to its end.
 *
 * @throws Error if the process fails or requests failed: a figure of failed requests means nothing
 */
export async function runLoad(
  core: number,
  plan: LoadPlan,
  signal: AbortSignal,
): Promise<LoadReport> {
  const script = join(import.meta.dirname, "load.ts");
  const args = ["--cpu-list", String(core), process.execPath, script, JSON.stringify(plan)];
  const { stdout } = await promisify(execFile)("taskset", args, { signal });
  const report = JSON.parse(stdout) as LoadReport;
  const failures = Object.entries(report.failures).map(([how, count]) => `${how}: ${count}`);
  if (failures.length > 0) {
    throw new Error(
      `Of ${report.requests} requests some failed (${failures.join(", ")}): nothing is measured. ` +
        "On a machine that does much else, try again when it is quiet.",
    );
  }
  return report;
}
