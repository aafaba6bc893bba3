import { z } from "zod";

/** Which of the two reference pools a process is. */
export type PoolVersion = "v1" | "v2";

/** How one kind of reference pool differs from the other. */
export interface PoolKind {
  readonly version: PoolVersion;
  readonly workers: number;
  /** Whether operations run one after the other, whatever the number of workers. */
  readonly serial: boolean;
  readonly warmUp: "parallel" | "sequential";
}

const port = z.coerce.number().int().min(0).max(65_535);
const milliseconds = z.coerce.number().int().min(0).max(300_000);
const interval = z.coerce.number().int().min(10).max(3_600_000);
const seconds = z.coerce.number().min(0).max(600);
const workers = z.coerce.number().int().min(1).max(1000);

const environmentSchema = z.object({
  POOL_HOST: z.string().optional(),
  POOL_PORT: port.default(8080),
  POOL_ADMIN_PORT: port.default(9090),
  POOL_WORKERS: workers.optional(),
  POOL_MIN_WORKERS: workers.default(2),
  POOL_MAX_WORKERS: workers.default(16),
  DATABASE_URL: z.string().startsWith("postgres", "must be a postgresql:// URL"),
  POOL_FAULTS_ENABLED: z.enum(["true", "false"]).default("false"),
  POOL_FLAGS_FILE: z.string().min(1).optional(),
  POOL_OPERATION_TIMEOUT_MS: milliseconds.default(30_000),
  POOL_CHECKOUT_TIMEOUT_MS: milliseconds.default(5000),
  POOL_INIT_TIMEOUT_MS: milliseconds.default(30_000),
  POOL_HEALTH_INTERVAL_MS: interval.default(5000),
  POOL_HEALTH_TIMEOUT_MS: milliseconds.default(1000),
  POOL_MAX_HEALTH_FAILURES: z.coerce.number().int().min(1).max(100).default(3),
  POOL_BREAKER_FAILURES: z.coerce.number().int().min(1).max(1000).default(5),
  POOL_BREAKER_OPEN_MS: interval.default(60_000),
  POOL_BREAKER_PROBES: z.coerce.number().int().min(1).max(100).default(3),
  POOL_OPTIMIZER_INTERVAL_MS: interval.default(10_000),
  POOL_WARMUP: z.enum(["parallel", "staged", "sequential", "off"]).optional(),
  POOL_MAX_QUEUE: z.coerce.number().int().min(0).max(100_000).default(500),
  POOL_EXECUTION_MS: milliseconds.default(2),
  POOL_SESSION_TTL_S: z.coerce.number().min(1).max(604_800).default(3600),
  POOL_SETTLE_S: seconds.default(5),
  POOL_DRAIN_TIMEOUT_S: seconds.default(30),
});

/** Settings of a reference pool, read from its environment. */
export type PoolSettings = ReturnType<typeof readSettings>;

/**
 * Reads the settings of a pool from environment variables. Times are in milliseconds where the
 * name ends with Ms, in seconds where it ends with Seconds; port 0 is any free port.
 * @throws Error naming every variable that cannot be used; a pool never starts on a guess.
 */
export function readSettings(kind: PoolKind, environment: Record<string, string | undefined>) {
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
    serial: kind.serial,
    workers: values.POOL_WORKERS ?? kind.workers,
    minWorkers: values.POOL_MIN_WORKERS,
    maxWorkers: values.POOL_MAX_WORKERS,
    warmUp: values.POOL_WARMUP ?? kind.warmUp,
    host: values.POOL_HOST ?? defaultHost,
    port: values.POOL_PORT,
    adminPort: values.POOL_ADMIN_PORT,
    databaseUrl: values.DATABASE_URL,
    faultsEnabled: values.POOL_FAULTS_ENABLED === "true",
    flagsFile: values.POOL_FLAGS_FILE,
    operationTimeoutMs: values.POOL_OPERATION_TIMEOUT_MS,
    checkoutTimeoutMs: values.POOL_CHECKOUT_TIMEOUT_MS,
    initTimeoutMs: values.POOL_INIT_TIMEOUT_MS,
    healthIntervalMs: values.POOL_HEALTH_INTERVAL_MS,
    healthTimeoutMs: values.POOL_HEALTH_TIMEOUT_MS,
    maxHealthFailures: values.POOL_MAX_HEALTH_FAILURES,
    breaker: {
      failures: values.POOL_BREAKER_FAILURES,
      openMs: values.POOL_BREAKER_OPEN_MS,
      probes: values.POOL_BREAKER_PROBES,
    },
    optimizerIntervalMs: values.POOL_OPTIMIZER_INTERVAL_MS,
    maxQueue: values.POOL_MAX_QUEUE,
    executionMs: values.POOL_EXECUTION_MS,
    sessionTtlSeconds: values.POOL_SESSION_TTL_S,
    settleSeconds: values.POOL_SETTLE_S,
    drainTimeoutSeconds: values.POOL_DRAIN_TIMEOUT_S,
  } as const;
}
