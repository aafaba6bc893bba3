import { runPool } from "./run.ts";

/** The pool of today: one program at a time. */
await runPool({ version: "v1", workers: 1 });
