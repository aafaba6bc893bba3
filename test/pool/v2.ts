import { runPool } from "./run.ts";

/** Its successor: programs run side by side. */
await runPool({ version: "v2", workers: 8 });
