import { z } from "zod";

/** Request header with which testers choose a side (`v1` or `v2`). */
export const overrideHeader = "x-worker-pool";

/** Request header that proves that the caller may choose. Never logged, never passed on. */
export const overrideTokenHeader = "x-worker-pool-token";

/** Request header that makes a repeated write harmless (https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/). */
export const idempotencyKeyHeader = "idempotency-key";

/** Headers that already mean something to the router or to HTTP and so cannot name a session. */
export const reservedHeaders: readonly string[] = [
  overrideHeader,
  overrideTokenHeader,
  idempotencyKeyHeader,
  "x-rollout",
  "x-request-id",
  "authorization",
  "host",
  "connection",
  "content-length",
  "content-type",
  "cookie",
  "te",
  "transfer-encoding",
  "upgrade",
];

const port = z.int().min(1).max(65535);

const pool = z.strictObject({
  /** Name or address of the pool; a name ends with a dot, so that no search domain is tried. */
  host: z.string().min(1),
  /** Port on which the pool serves requests and its readiness. */
  port,
});

/**
 * What a router pod is started with (environment variable `ROUTER_SETTINGS`, JSON). Nothing in it changes during the
 * life of the pod; stage, percentage and brake come from the ConfigMaps.
 */
export const routerSettingsSchema = z.strictObject({
  /** Address that the listeners and the agent bind to. */
  bindAddress: z.union([z.ipv4(), z.ipv6()]).default("0.0.0.0"),
  ports: z.strictObject({
    /** Envoy, for callers. */
    listener: port.default(8080),
    /** Envoy, `/ready` for the kubelet. */
    readiness: port.default(8081),
    /** Envoy's admin interface, on loopback only. */
    admin: port.default(9901),
    /** The agent's report and metrics. */
    agent: port.default(9090),
  }),
  /** Request header that holds the session id, in lower case. */
  sessionHeader: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]*$/, "is no header name in lower case")
    .refine((name) => !reservedHeaders.includes(name), "is a header with a meaning of its own"),
  pools: z.strictObject({ v1: pool, v2: pool }),
  /** Path on the pools' data port that answers 200 to 399 while a pod may get requests. */
  readinessPath: z.string().regex(/^\/[!-~]*$/, "is no absolute path"),
  /** Longest time that a pool takes for a request, seconds. */
  operationTimeoutSeconds: z.number().positive().max(3600),
  /** Whether the pools honour `Idempotency-Key`, so that a cut request that has one may be repeated. */
  idempotencyKeys: z.boolean(),
  /** Worker threads of Envoy. */
  concurrency: z.int().min(1).max(64).default(2),
});

/** What a router pod is started with; defaults filled in. */
export type RouterSettings = z.infer<typeof routerSettingsSchema>;

/** What a router pod is started with, as it is written down. */
export type RouterSettingsInput = z.input<typeof routerSettingsSchema>;

/**
 * Reads the value of `ROUTER_SETTINGS`.
 *
 * @throws RangeError that lists every problem with its key
 */
export function parseRouterSettings(json: string | undefined): RouterSettings {
  let value: unknown;
  try {
    value = JSON.parse(json ?? "");
  } catch {
    throw new RangeError("ROUTER_SETTINGS is not JSON: the router's Deployment sets it.");
  }
  const result = routerSettingsSchema.safeParse(value);
  if (result.success) return result.data;
  const problems = result.error.issues.map(
    ({ path, message }) => `${path.length === 0 ? "the value" : path.join(".")}: ${message}`,
  );
  throw new RangeError(`ROUTER_SETTINGS cannot be used: ${problems.join("; ")}.`);
}

/** Seconds after which the router gives up on a pool: later than the pool itself does. */
export function routeTimeoutSeconds(
  settings: Pick<RouterSettings, "operationTimeoutSeconds">,
): number {
  return settings.operationTimeoutSeconds + 5;
}
