import { runPool } from "./run.ts";

/** Its successor: operations run side by side. */
await runPool({ version: "v2", workers: 8, serial: false, warmUp: "parallel" });
