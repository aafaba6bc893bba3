import { join } from "node:path";
import { pino } from "pino";
import { Guard } from "../../agents/guard/guard.ts";
import { guardOptions } from "../../agents/guard/options.ts";
import { runService } from "../../agents/lib/run-service.ts";

/**
 * The guard as its pod starts it, from the same environment; only the API server, spoken to in clear, and the directories
 * are others.
 */
const { apiServer, directory } = JSON.parse(process.argv[2] ?? "") as {
  readonly apiServer: string;
  readonly directory: string;
};
const log = pino({ name: "guard", level: "warn" }, pino.destination(2));

await runService(
  "the guard",
  () => {
    const options = guardOptions(process.env, () =>
      Promise.resolve({
        server: new URL(apiServer),
        namespace: options.namespace,
        source: "bench",
        insecure: false,
        headers: {},
        credentials: () => Promise.resolve({ token: "service-account-token" }),
      }),
    );
    return new Guard({ ...options, directory, flagsFile: join(directory, "flags.json") }, log);
  },
  log,
);
