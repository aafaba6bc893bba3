import { z } from "zod";

import type { BooleanFlagName } from "../rollout/flags.ts";
import { reservedHeaders } from "../rollout/router-settings.ts";
import { baselineStage, profileNames } from "../rollout/stages.ts";
import { key } from "./key-info.ts";
import {
  boolean,
  count,
  image,
  imageInfo,
  integer,
  onOff,
  path,
  pathAllowed,
  portAllowed,
  randomToken,
  seconds,
  settings,
  token,
  tokenAllowed,
} from "./values.ts";

const flagDescriptions: Readonly<Record<BooleanFlagName, string>> = {
  poolV2Enabled: "Whether V2 takes traffic at all; off means 0 % at every stage.",
  enhancedWorkers: "Whether V2 uses its enhanced workers.",
  circuitBreaker: "Whether V2 uses its circuit breaker.",
  telemetryV2: "Whether V2 sends its own telemetry.",
  poolOptimizer: "Whether V2 resizes its pool of workers by itself.",
};

const flag = (name: BooleanFlagName) =>
  key(boolean().default(false), {
    description: flagDescriptions[name],
    allowed: onOff,
    example: "true",
  });

/**
 * Schema of every top-level key of the namespace. Each is parsed on its own, so that problems of several keys are
 * reported together; what concerns more than one key is in rules.ts.
 */
export const sections = {
  stage: key(z.string().default(baselineStage), {
    description:
      "Declared stage: baseline, shadow, p5, p10, p25, p50, p75, p100 or retired (other percentages through stages).",
    allowed: "the name of a stage of the ladder in force",
    example: "p5",
  }),
  profile: key(z.enum(profileNames).default("accelerated"), {
    description:
      "Ladder in force: accelerated (hours), production (weeks and approvals) or rehearsal (seconds).",
    allowed: profileNames.join(", "),
    example: "accelerated",
  }),
  stages: z
    .array(
      z.strictObject({
        name: key(z.string(), {
          description: "Name of the stage.",
          allowed: "p<percentage>",
          example: "p5",
        }),
        percentage: key(integer(1, 100), {
          description: "Share of the sessions that V2 serves, per cent.",
          allowed: "an integer from 1 to 100",
          example: "5",
        }),
        dwellMinutes: key(integer(0, 525_600).optional(), {
          description: "Shortest stay before the next stage; without it that of the profile.",
          allowed: "a whole number of minutes from 0 to 525600",
          example: "60",
        }),
        approval: key(boolean().optional(), {
          description: "Whether people approve the entry; without it that of the profile.",
          allowed: onOff,
          example: "true",
        }),
      }),
    )
    .default([]),
  flags: z.strictObject({
    poolV2Enabled: flag("poolV2Enabled"),
    enhancedWorkers: flag("enhancedWorkers"),
    circuitBreaker: flag("circuitBreaker"),
    telemetryV2: flag("telemetryV2"),
    poolOptimizer: flag("poolOptimizer"),
  }),
  pool: z.strictObject({
    port: key(integer(1, 65_535).default(8080), {
      description: "Port of the pools' data interface and of the router's Service.",
      allowed: portAllowed,
      example: "8080",
    }),
    readinessPath: key(path().default("/readyz"), {
      description: "Readiness check on the data port, asked by kubelet and by the router.",
      allowed: pathAllowed,
      example: "/readyz",
    }),
    metricsPath: key(path().default("/metrics"), {
      description: "Prometheus metrics of the pools.",
      allowed: pathAllowed,
      example: "/metrics",
    }),
    operationTimeoutSeconds: key(integer(1, 300).default(30), {
      description: "Longest time that a pool works on one request.",
      allowed: seconds(1, 300),
      example: "30",
    }),
    drainTimeoutSeconds: key(integer(1, 900).default(30), {
      description: "Longest time that a stopping pod takes to finish what it accepted.",
      allowed: seconds(1, 900),
      example: "30",
    }),
    readyTimeoutSeconds: key(integer(10, 3600).default(120), {
      description:
        "Longest time that a Deployment may take to become ready before the update fails.",
      allowed: seconds(10, 3600),
      example: "120",
    }),
    idempotencyKeys: key(boolean().default(true), {
      description:
        "Whether the pools honour Idempotency-Key, so that a keyed POST may be repeated.",
      allowed: onOff,
      example: "true",
    }),
    settings: settings("both pools' containers"),
  }),
  v1: z.strictObject({
    image: key(image().optional(), imageInfo("V1", "pool:1.0.0")),
    replicas: key(integer(1, 1000).default(2), {
      description: "Number of V1 pods.",
      allowed: count(1000),
      example: "2",
    }),
  }),
  v2: z.strictObject({
    image: key(image().optional(), imageInfo("V2", "pool:2.0.0")),
    replicas: z.preprocess(
      (value) => value ?? {},
      z.strictObject({
        min: key(integer(1, 1000).default(2), {
          description:
            "Number of V2 pods; enough for all the traffic from the first percentage on.",
          allowed: count(1000),
          example: "2",
        }),
      }),
    ),
    settings: settings("V2's containers, over pool.settings"),
  }),
  router: z.strictObject({
    replicas: key(integer(1, 100).default(2), {
      description: "Number of router pods.",
      allowed: count(100),
      example: "2",
    }),
    sessionHeader: key(
      z
        .string()
        .regex(/^[A-Za-z0-9][A-Za-z0-9-]{0,62}$/)
        .transform((name) => name.toLowerCase())
        .refine((name) => !reservedHeaders.includes(name))
        .default("x-session-id"),
      {
        description: "Request header that carries the session id.",
        allowed: "a header name of letters, digits and hyphens without a meaning of its own",
        example: "x-session-id",
      },
    ),
    agentToken: key(token(), {
      description: "Token of the router-agents' interface.",
      allowed: tokenAllowed,
      example: randomToken,
      secret: "required",
    }),
    override: z
      .strictObject({
        token: key(token(), {
          description: "Token with which testers choose a side by header; without it nobody can.",
          allowed: tokenAllowed,
          example: randomToken,
          secret: "required",
        }),
      })
      .optional(),
  }),
  images: z.strictObject({
    router: key(image(), imageInfo("the router, with Envoy and the router-agent", "router:1.0.0")),
    tools: key(
      image().optional(),
      imageInfo("the tools, which run the SQL migrations", "tools:1.0.0"),
    ),
  }),
  database: z.strictObject({
    host: key(
      z.string().regex(/^[A-Za-z0-9]([A-Za-z0-9.-]{0,252}[A-Za-z0-9])?$|^[0-9a-f:]{2,39}$/i),
      {
        description: "Host of the PostgreSQL server, as seen by the engine and by the cluster.",
        allowed: "a host name or an address, without scheme and port",
        example: "db.example.com",
      },
    ),
    port: key(integer(1, 65_535).default(5432), {
      description: "Port of the PostgreSQL server.",
      allowed: portAllowed,
      example: "5432",
    }),
    name: key(
      z
        .string()
        .regex(/^[a-z_][a-z0-9_]{0,62}$/)
        .default("pool_migration"),
      {
        description: "Database that the stack creates for the migration's tables.",
        allowed: "1 to 63 lower-case letters, digits and underscores, no digit first",
        example: "pool_migration",
      },
    ),
    admin: z.preprocess(
      (value) => value ?? {},
      z.strictObject({
        user: key(z.string().regex(/^[^\s\p{Cc}]{1,63}$/u), {
          description: "Login that may create databases and roles.",
          allowed: "1 to 63 characters without spaces",
          example: "postgres",
        }),
        password: key(z.string().min(1), {
          description: "Password of that login.",
          allowed: "a secret",
          secret: "required",
        }),
      }),
    ),
    ssl: key(z.enum(["require", "disable"]).default("require"), {
      description: "Whether connections to the server are encrypted.",
      allowed: "require or disable",
      example: "require",
    }),
  }),
} as const;

/** Name of a top-level key. */
export type SectionName = keyof typeof sections;

/** The checked value of every top-level key; `database` is absent where nothing is set under it. */
export type Sections = {
  [Name in SectionName]: z.output<(typeof sections)[Name]>;
};
