import type { Logger } from "pino";

/** What runs in a container until it is told to end. */
export interface Service {
  start(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Runs a service until the process is told to end; what keeps it from starting ends the process with status 3.
 *
 * @param name for the log: "the guard"
 */
export async function runService(name: string, make: () => Service, log: Logger): Promise<void> {
  try {
    const service = make();
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      process.once(signal, () => {
        log.info({ signal }, "stopping");
        service.stop().then(
          () => process.exit(0),
          (error: unknown) => fail(log, `${name} cannot stop cleanly`, error),
        );
      });
    }
    await service.start();
  } catch (error) {
    fail(log, `${name} cannot start`, error);
  }
}

function fail(log: Logger, what: string, error: unknown): never {
  log.fatal({ error: error instanceof Error ? error.message : String(error) }, what);
  log.flush();
  process.exit(3);
}
