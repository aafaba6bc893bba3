import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

/** A reference pool running as a process of its own on loopback. */
export interface PoolProcess {
  readonly process: ChildProcess;
  /** Base URL of the operations. */
  readonly url: string;
  /** Base URL of probes, metrics and fault switches. */
  readonly adminUrl: string;
  /** Resolves when the log says this event (also when it said so before). */
  logged(event: string): Promise<void>;
  /** Exit code, once the process has ended; null = ended by a signal. */
  readonly exit: Promise<number | null>;
  /** Ends the process at once, if it still runs. */
  kill(): Promise<void>;
}

const running = new Set<PoolProcess>();

/** Ends all pools that this file has started, those of tests that failed half-way included. */
export async function killAllPools(): Promise<void> {
  await Promise.all([...running].map((pool) => pool.kill()));
}

/** Starts `v1.ts` or `v2.ts` with free ports and waits until it listens. */
export async function startPool(
  version: "v1" | "v2",
  databaseUrl: string,
  environment: Record<string, string> = {},
): Promise<PoolProcess> {
  const child = spawn(process.execPath, [`${import.meta.dirname}/${version}.ts`], {
    env: {
      PATH: process.env["PATH"],
      DATABASE_URL: databaseUrl,
      POOL_PORT: "0",
      POOL_ADMIN_PORT: "0",
      POOL_FAULTS_ENABLED: "true",
      POOL_SETTLE_S: "0.2",
      ...environment,
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exit = once(child, "exit").then(([code]) => code as number | null);
  const events = new Map<string, Deferred<void>>();
  const eventOf = (event: string): Deferred<void> => {
    const known = events.get(event) ?? deferred<void>();
    events.set(event, known);
    return known;
  };
  const ports = deferred<{ port: number; adminPort: number }>();
  createInterface({ input: child.stdout }).on("line", (line) => {
    const entry = JSON.parse(line) as { event: string; port?: number; adminPort?: number };
    if (entry.port !== undefined && entry.adminPort !== undefined) {
      ports.resolve({ port: entry.port, adminPort: entry.adminPort });
    }
    eventOf(entry.event).resolve();
  });
  void exit.then((code) => ports.reject(new Error(`The pool ended with ${code}.`)));
  const { port, adminPort } = await ports.promise;
  const pool: PoolProcess = {
    process: child,
    url: `http://127.0.0.1:${port}`,
    adminUrl: `http://127.0.0.1:${adminPort}`,
    logged: (event) => eventOf(event).promise,
    exit,
    async kill() {
      child.kill("SIGKILL");
      await exit;
      running.delete(pool);
    },
  };
  running.add(pool);
  return pool;
}

interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: Error) => void;
}

function deferred<T>(): Deferred<T> {
  let resolve: Deferred<T>["resolve"] = () => undefined;
  let reject: Deferred<T>["reject"] = () => undefined;
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}

/** Starts a pool and waits until it is ready. */
export async function startReadyPool(
  ...parameters: Parameters<typeof startPool>
): Promise<PoolProcess> {
  const pool = await startPool(...parameters);
  await pool.logged("serving");
  return pool;
}
