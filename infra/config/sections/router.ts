import { z } from "zod";

import { routerEntries } from "../../rollout/entry.ts";
import { reservedHeaders } from "../../rollout/router-settings.ts";
import { key } from "../key-info.ts";
import {
  boolean,
  count,
  image,
  imageInfo,
  integer,
  onOff,
  randomToken,
  token,
  tokenAllowed,
  oneOf,
} from "../values.ts";

/** Types of Service that callers inside (ClusterIP) or outside the cluster can reach. */
export const serviceTypes = ["ClusterIP", "NodePort", "LoadBalancer"] as const;

/** The router and the images of our own. */
export const routerSections = {
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
    serviceType: key(z.enum(serviceTypes).default("ClusterIP"), {
      description: "Type of the callers' Service.",
      allowed: oneOf(serviceTypes),
      example: "ClusterIP",
    }),
    entry: key(z.enum(routerEntries).default("inline"), {
      description:
        "Where the callers' Service leads: inline = through the router, beside = past it, straight to V1, at 0 %.",
      allowed: oneOf(routerEntries),
      example: "inline",
    }),
    retire: key(boolean().default(false), {
      description:
        "Whether the router is gone and the callers' Service leads to V2; only at stage retired.",
      allowed: onOff,
      example: "false",
    }),
    agentToken: key(token().optional(), {
      description: "Token of the router-agents' interface.",
      absent: "required, unless router.retire",
      allowed: tokenAllowed,
      madeBy: randomToken,
      secret: "required",
    }),
    override: z
      .strictObject({
        token: key(token(), {
          description: "Token with which testers choose a side by header; without it nobody can.",
          absent: "none",
          allowed: tokenAllowed,
          madeBy: randomToken,
          secret: "required",
        }),
      })
      .optional(),
    brakeToken: key(token().optional(), {
      description:
        "Token with which the brake is engaged at the agents themselves; without it nobody can.",
      absent: "none",
      allowed: tokenAllowed,
      madeBy: randomToken,
      secret: "required",
    }),
  }),
  images: z.strictObject({
    router: key(
      image().optional(),
      imageInfo(
        "the router, with Envoy and the router-agent",
        "router:1.0.0",
        "required, unless router.retire",
      ),
    ),
    tools: key(
      image().optional(),
      imageInfo(
        "the tools, which the guard and the SQL migrations run from",
        "tools:1.0.0",
        "required, unless router.retire",
      ),
    ),
  }),
} as const;
