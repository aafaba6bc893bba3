import type { Logger } from "pino";
import { RouterAgent } from "./agent.ts";
import type { AgentOptions } from "./options.ts";

/** Runs an agent until the process is told to end; what keeps it from starting ends the process with status 3. */
export async function runAgent(options: () => AgentOptions, log: Logger): Promise<void> {
  try {
    const agent = new RouterAgent(options(), log);
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      process.once(signal, () => {
        log.info({ signal }, "stopping");
        agent.stop().then(
          () => process.exit(0),
          (error: unknown) => fail(log, "the agent cannot stop cleanly", error),
        );
      });
    }
    await agent.start();
  } catch (error) {
    fail(log, "the agent cannot start", error);
  }
}

function fail(log: Logger, what: string, error: unknown): never {
  log.fatal({ error: error instanceof Error ? error.message : String(error) }, what);
  log.flush();
  process.exit(3);
}
