import { EventEmitter } from "node:events";
import { writeFile } from "node:fs/promises";
import type { PoolProcess } from "../../scripts/conformance/rule.ts";
import { startPool } from "../pool/pool.ts";
import type { Request } from "../pool/workers/messages.ts";
import type { Thread } from "../pool/workers/worker.ts";
import { answer } from "../pool/workers/worker-thread.ts";
import { readSettings, type PoolVersion } from "../pool/settings.ts";

/** A reference pool in this process: quick to start, and its own in everything but the database. */
export interface InProcessPool {
  readonly url: string;
  readonly adminUrl: string;
  /** The pool as if it were a process: SIGTERM is its stop. */
  readonly process: PoolProcess;
  stop(): Promise<void>;
}

/** Short times and a short queue, so that every rule is decided quickly. */
export const quickEnvironment = {
  POOL_PORT: "0",
  POOL_ADMIN_PORT: "0",
  POOL_WORKERS: "2",
  POOL_MAX_QUEUE: "60",
  POOL_SETTLE_S: "0.3",
  POOL_BREAKER_OPEN_MS: "500",
  POOL_FAULTS_ENABLED: "true",
} as const;

/** Writes a flags file in which these flags are on. */
export async function writeFlags(path: string, ...on: readonly string[]): Promise<void> {
  const flags = Object.fromEntries(
    on.map((name) => [
      name,
      { state: "ENABLED", variants: { on: true, off: false }, defaultVariant: "on" },
    ]),
  );
  await writeFile(path, JSON.stringify({ flags }));
}

/** A worker without a thread: a real one costs more to start than everything else here. */
class InProcessThread extends EventEmitter implements Thread {
  #ended = false;

  postMessage(request: Request): void {
    void answer(request).then((reply) => {
      if (reply && !this.#ended) this.emit("message", reply);
    });
  }

  terminate(): Promise<void> {
    if (!this.#ended) setImmediate(() => this.emit("exit"));
    this.#ended = true;
    return Promise.resolve();
  }
}

/** Starts one and waits until it is ready. */
export async function startInProcessPool(
  version: PoolVersion,
  databaseUrl: string,
  environment: Record<string, string> = {},
): Promise<InProcessPool> {
  const kind = { version, workers: 1, serial: version === "v1", warmUp: "parallel" } as const;
  const settings = readSettings(kind, {
    ...quickEnvironment,
    DATABASE_URL: databaseUrl,
    ...environment,
  });
  let serving = (): void => undefined;
  const ready = new Promise<void>((resolve) => (serving = resolve));
  const log = (event: string): void => {
    if (event === "serving") serving();
  };
  const pool = await startPool(settings, log, () => new InProcessThread());
  await ready;
  let ended: (code: number) => void = () => undefined;
  const exit = new Promise<number>((resolve) => (ended = resolve));
  const stop = async (): Promise<void> => {
    await pool.stop();
    ended(0);
  };
  return {
    url: `http://127.0.0.1:${pool.port}`,
    adminUrl: `http://127.0.0.1:${pool.adminPort}`,
    process: { terminate: () => void stop(), exit },
    stop,
  };
}
