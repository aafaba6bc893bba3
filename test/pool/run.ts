import { once } from "node:events";
import { startPool } from "./pool.ts";
import { readSettings, type PoolKind } from "./settings.ts";

/**
 * Runs a reference pool until SIGTERM or SIGINT, then drains: readiness fails, calls are accepted
 * for the settle period, those in flight are finished, and the process ends with 0.
 */
export async function runPool(kind: PoolKind): Promise<void> {
  const settings = readSettings(kind, process.env);
  const stop = Promise.race([once(process, "SIGTERM"), once(process, "SIGINT")]);
  const pool = await startPool(settings, log);
  await stop;
  await pool.stop();
  log("stopped");
  process.exit(0);
}

function log(event: string, fields: Record<string, unknown> = {}): void {
  console.log(JSON.stringify({ time: new Date().toISOString(), event, ...fields }));
}
