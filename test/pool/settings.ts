import { z } from "zod";

/** Which of the two reference pools a process is. */
export type PoolVersion = "v1" | "v2";

/** How one kind of reference pool differs from the other. */
export interface PoolKind {
  readonly version: PoolVersion;
  /** Programs that may run at the same moment; 1 = serial dispatch. */
  readonly workers: number;
}

/** Settings of a reference pool, read from its environment. */
export interface PoolSettings {
  readonly version: PoolVersion;
  /** Programs that may run at the same moment. */
  readonly workers: number;
  /** Address both servers bind to. */
  readonly host: string;
  /** Port of the operations; 0 = any free port (the log line `listening` names it). */
  readonly port: number;
  /** Port of probes, metrics and fault switches; 0 = any free port. */
  readonly adminPort: number;
  readonly databaseUrl: string;
  readonly faultsEnabled: boolean;
  /** Longest time one operation may take, milliseconds. */
  readonly operationTimeoutMs: number;
  /** Longest wait for a free worker, milliseconds. */
  readonly checkoutTimeoutMs: number;
  /** Operations that may wait for a worker before further ones are answered 429. */
  readonly maxQueue: number;
  /** How long the stub program computes, milliseconds. */
  readonly executionMs: number;
  /** Time between the failing readiness and the first refusal, seconds. */
  readonly settleSeconds: number;
  /** Longest wait for calls in flight after the settle period, seconds. */
  readonly drainTimeoutSeconds: number;
}

const port = z.coerce.number().int().min(0).max(65_535);
const milliseconds = z.coerce.number().int().min(0).max(300_000);
const seconds = z.coerce.number().min(0).max(600);

const environmentSchema = z.object({
  POOL_HOST: z.string().optional(),
  POOL_PORT: port.default(8080),
  POOL_ADMIN_PORT: port.default(9090),
  POOL_WORKERS: z.coerce.number().int().min(1).max(1000).optional(),
  DATABASE_URL: z.string().startsWith("postgres", "must be a postgresql:// URL"),
  POOL_FAULTS_ENABLED: z.enum(["true", "false"]).default("false"),
  POOL_OPERATION_TIMEOUT_MS: milliseconds.default(30_000),
  POOL_CHECKOUT_TIMEOUT_MS: milliseconds.default(5000),
  POOL_MAX_QUEUE: z.coerce.number().int().min(0).max(100_000).default(500),
  POOL_EXECUTION_MS: milliseconds.default(2),
  POOL_SETTLE_S: seconds.default(5),
  POOL_DRAIN_TIMEOUT_S: seconds.default(30),
});

/**
 * Reads the settings of a pool from environment variables.
 * @throws Error naming every variable that cannot be used; a pool never starts on a guess.
 */
export function readSettings(
  kind: PoolKind,
  environment: Record<string, string | undefined>,
): PoolSettings {
  const parsed = environmentSchema.safeParse(environment);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(
      (issue) => `${issue.path.join(".")}: ${issue.message}`,
    );
    throw new Error(`The pool cannot start: ${problems.join("; ")}.`);
  }
  const values = parsed.data;
  // Inside a pod the pod's own address is the only one there is; elsewhere stay on loopback.
  const defaultHost = environment["KUBERNETES_SERVICE_HOST"] ? "0.0.0.0" : "127.0.0.1";
  return {
    version: kind.version,
    workers: values.POOL_WORKERS ?? kind.workers,
    host: values.POOL_HOST ?? defaultHost,
    port: values.POOL_PORT,
    adminPort: values.POOL_ADMIN_PORT,
    databaseUrl: values.DATABASE_URL,
    faultsEnabled: values.POOL_FAULTS_ENABLED === "true",
    operationTimeoutMs: values.POOL_OPERATION_TIMEOUT_MS,
    checkoutTimeoutMs: values.POOL_CHECKOUT_TIMEOUT_MS,
    maxQueue: values.POOL_MAX_QUEUE,
    executionMs: values.POOL_EXECUTION_MS,
    settleSeconds: values.POOL_SETTLE_S,
    drainTimeoutSeconds: values.POOL_DRAIN_TIMEOUT_S,
  };
}
