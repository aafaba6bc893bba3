import { startPostgres, type TestPostgres } from "../lib/postgres.ts";
import { killAllPools, startReadyPool, type PoolProcess } from "./pool-process.ts";

/** Both reference pools on one database. */
interface BothPools {
  readonly postgres: TestPostgres;
  readonly v1: PoolProcess;
  readonly v2: PoolProcess;
  /** Ends these and all other pools of the file, then the server. */
  stop(): Promise<void>;
}

/** Starts both reference pools at once: they agree on who creates the tables of the database `pool`. */
export async function startBothPools(): Promise<BothPools> {
  const postgres = await startPostgres();
  await postgres.createDatabase("pool");
  const [v1, v2] = await Promise.all([
    startReadyPool("v1", postgres.url("pool")),
    startReadyPool("v2", postgres.url("pool")),
  ]);
  const stop = async (): Promise<void> => {
    await killAllPools();
    await postgres.stop();
  };
  return { postgres, v1, v2, stop };
}
