import { pino } from "pino";
import { inClusterConnection } from "../lib/cluster-connection.ts";
import { Guard } from "./guard/guard.ts";
import { guardOptions } from "./guard/options.ts";
import { runService } from "./lib/run-service.ts";

const log = pino({ name: "guard" });

/** Entry point of the guard's pods. */
await runService(
  "the guard",
  () =>
    new Guard(
      guardOptions(process.env, () => inClusterConnection()),
      log,
    ),
  log,
);
