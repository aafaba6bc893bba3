import { z } from "zod";

import { key } from "../key-info.ts";
import {
  boolean,
  count,
  cpuInfo,
  cpuQuantity,
  image,
  imageInfo,
  integer,
  label,
  labelAllowed,
  map,
  memoryInfo,
  memoryQuantity,
  onOff,
  path,
  pathAllowed,
  portAllowed,
  seconds,
  settings,
  oneOf,
} from "../values.ts";

/** What pools can be held to. */
const poolContracts = ["full", "none"] as const;

/** What the pools keep to. */
export type PoolContract = (typeof poolContracts)[number];

/**
 * Defaults that depend on the contract. A plain HTTP server has no readiness path of its own, and nothing
 * says that it answers a repeated Idempotency-Key with the first result.
 */
export const contractDefaults = {
  full: { readinessPath: "/readyz", idempotencyKeys: true },
  none: { readinessPath: "/", idempotencyKeys: false },
} as const;

const byContract = (name: keyof (typeof contractDefaults)["full"]) => ({
  dependentDefault: {
    usual: contractDefaults.full[name],
    other: { value: contractDefaults.none[name], where: "contract none" },
  },
});

const resources = (side: string) =>
  map({
    requests: map({
      cpu: key(cpuQuantity().default("50m"), cpuInfo(`CPU kept free for each ${side} pod.`)),
      memory: key(
        memoryQuantity().default("64Mi"),
        memoryInfo(`Memory kept free for each ${side} pod.`),
      ),
    }),
    limits: map({
      cpu: key(cpuQuantity().optional(), {
        ...cpuInfo(`CPU above which a ${side} pod is slowed down.`),
        absent: "no limit",
      }),
      memory: key(
        memoryQuantity().default("512Mi"),
        memoryInfo(`Memory above which a ${side} pod is killed.`),
      ),
    }),
  });

/** The two pools, and what they share. */
export const poolSections = {
  pool: z.strictObject({
    contract: key(z.enum(poolContracts).default("full"), {
      description:
        "What the pools keep to: full = the contract with programs, sessions, drain and metrics; " +
        "none = any HTTP service whose pods are stateless or share their state.",
      allowed: oneOf(poolContracts),
      example: "full",
    }),
    port: key(integer(1, 65_535).default(8080), {
      description: "Port of the pools' data interface and of the router's Service.",
      allowed: portAllowed,
      example: "8080",
    }),
    readinessPath: key(path().optional(), {
      ...byContract("readinessPath"),
      description: "Readiness check on the data port, asked by kubelet and by the router.",
      allowed: pathAllowed,
      example: "/readyz",
    }),
    metricsPath: key(path().default("/metrics"), {
      description: "Prometheus metrics of pools with the full contract.",
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
    idempotencyKeys: key(boolean().optional(), {
      ...byContract("idempotencyKeys"),
      description:
        "Whether the pools honour Idempotency-Key, so that a keyed POST may be repeated.",
      allowed: onOff,
      example: "true",
    }),
    settings: settings("both pools' containers"),
  }),
  v1: z.strictObject({
    image: key(image().optional(), imageInfo("V1", "pool:1.0.0", "required until retired")),
    replicas: key(integer(1, 1000).default(2), {
      description: "Number of V1 pods.",
      allowed: count(1000),
      example: "2",
    }),
    resources: resources("V1"),
    adopt: z
      .strictObject({
        namespace: key(label(), {
          description: "Namespace of the V1 that runs already; this version cannot adopt it yet.",
          absent: "not adopted",
          allowed: labelAllowed,
          example: "default",
        }),
        deployment: key(label(), {
          description:
            "Deployment of the V1 that runs already, taken over as it is; this version cannot adopt it yet.",
          absent: "not adopted",
          allowed: labelAllowed,
          example: "pool",
        }),
      })
      .optional(),
  }),
  v2: z.strictObject({
    image: key(image().optional(), imageInfo("V2", "pool:2.0.0", "required from shadow on")),
    replicas: map({
      min: key(integer(1, 1000).default(2), {
        description: "Number of V2 pods; enough for all the traffic from the first percentage on.",
        allowed: count(1000),
        example: "2",
      }),
      max: key(integer(1, 1000).optional(), {
        description: "Largest number of V2 pods; with it an autoscaler chooses their number.",
        absent: "no autoscaler",
        allowed: count(1000),
        example: "10",
      }),
    }),
    resources: resources("V2"),
    settings: settings("V2's containers, over pool.settings"),
  }),
} as const;
