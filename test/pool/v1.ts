import { runPool } from "./run.ts";

/** The pool of today: one operation at a time. */
await runPool({ version: "v1", workers: 1, serial: true, warmUp: "sequential" });
