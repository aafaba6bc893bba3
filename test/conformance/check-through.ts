import { runConformance, type RuleResult } from "../../scripts/conformance/run-conformance.ts";
import { startInProcessPool } from "./in-process-pool.ts";
import { startProxy } from "./proxy.ts";
import type { WrongServer } from "./wrong-servers.ts";

/** What the pools of a test file share. */
export interface PoolOfTests {
  readonly databaseUrl: string;
  readonly environment: Record<string, string>;
}

/** Checks a right pool of its own behind what a wrong server changes. */
export async function checkThrough(
  { databaseUrl, environment }: PoolOfTests,
  { data, admin, exitCode }: WrongServer,
  only?: readonly string[],
): Promise<readonly RuleResult[]> {
  const pool = await startInProcessPool("v2", databaseUrl, environment);
  const proxies = await Promise.all([
    startProxy(pool.url, data?.() ?? {}),
    startProxy(pool.adminUrl, admin?.() ?? {}),
  ]);
  try {
    const { results } = await runConformance({
      url: proxies[0].url,
      adminUrl: proxies[1].url,
      side: "v2",
      only,
      process: {
        terminate: () => pool.process.terminate(),
        exit: pool.process.exit.then((code) => exitCode ?? code),
      },
    });
    return results;
  } finally {
    for (const proxy of proxies) proxy.stop();
    await pool.stop();
  }
}
