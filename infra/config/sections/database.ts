import { z } from "zod";

import { key } from "../key-info.ts";
import { boolean, integer, map, onOff, portAllowed } from "../values.ts";

/** Where the migration's own tables are kept. */
export const databaseSections = {
  database: z.strictObject({
    host: key(
      z.string().regex(/^[A-Za-z0-9]([A-Za-z0-9.-]{0,252}[A-Za-z0-9])?$|^[0-9a-f:]{2,39}$/i),
      {
        description: "Host of the PostgreSQL server, as seen by the engine and by the cluster.",
        absent: "required where database is set",
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
    admin: map({
      user: key(z.string().regex(/^[^\s\p{Cc}]{1,63}$/u), {
        description: "Login that may create databases and roles.",
        absent: "required where database is set",
        allowed: "1 to 63 characters without spaces",
        example: "postgres",
      }),
      password: key(z.string().min(1), {
        description: "Password of that login.",
        absent: "required where database is set",
        allowed: "a secret",
        secret: "required",
      }),
    }),
    rds: z
      .strictObject({
        instanceClass: key(z.string().regex(/^db\.[a-z0-9]+\.[a-z0-9]+$/), {
          description:
            "Class of the RDS instance that the stack creates; this version cannot do it yet.",
          absent: "no instance",
          allowed: "a class such as db.t4g.medium",
          example: "db.t4g.medium",
        }),
        storageGibibytes: key(integer(20, 65_536).default(20), {
          description: "Storage of that instance, in GiB; this version cannot create it yet.",
          allowed: "an integer from 20 to 65536",
          example: "20",
        }),
        multiZone: key(boolean().default(true), {
          description:
            "Whether that instance has a standby in another zone; this version cannot create it yet.",
          allowed: onOff,
          example: "true",
        }),
      })
      .optional(),
    ssl: key(z.enum(["require", "disable"]).default("require"), {
      description: "Whether connections to the server are encrypted.",
      allowed: "require or disable",
      example: "require",
    }),
    keepMonths: key(integer(1, 120).default(12), {
      description:
        "Full months of the pools' samples (pool_metrics) that are kept before the current one; older ones are deleted every day.",
      allowed: "an integer from 1 to 120",
      example: "12",
    }),
  }),
} as const;
