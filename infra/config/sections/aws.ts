import { z } from "zod";

import { key } from "../key-info.ts";
import { boolean, integer, onOff, oneOf } from "../values.ts";

const lockModes = ["governance", "compliance"] as const;

/** What is kept on AWS. */
export const awsSections = {
  aws: z.strictObject({
    enabled: key(boolean().default(false), {
      description:
        "Whether alarms, notices and the archive are declared on AWS; this version cannot do it yet.",
      allowed: onOff,
      example: "false",
    }),
    region: key(
      z
        .string()
        .regex(/^[a-z]{2}(?:-[a-z]+){1,3}-[1-9]$/)
        .optional(),
      {
        description: "Region of everything on AWS; without effect in this version.",
        absent: "required with aws.enabled",
        allowed: "the name of a region such as eu-central-1",
        example: "eu-central-1",
      },
    ),
    endpoint: key(
      z
        .string()
        .regex(/^https?:\/\/[A-Za-z0-9.-]+(?::[0-9]{1,5})?\/?$/)
        .optional(),
      {
        description:
          "Endpoint that stands in for AWS, for an emulator; without effect in this version.",
        absent: "AWS",
        allowed: "an http or https URL of host and port",
        example: "http://127.0.0.1:4566",
      },
    ),
    notify: z
      .array(
        key(z.string().regex(/^(?:[^\s@<>]{1,64}@[^\s@<>]{1,255}|https:\/\/[^\s<>]{1,2000})$/), {
          description: "Who is told of alarms; without effect in this version.",
          absent: "nobody",
          allowed: "an e-mail address or an https URL",
          example: "on-call@example.com",
        }),
      )
      .default([]),
  }),
  archive: z.strictObject({
    enabled: key(boolean().default(false), {
      description:
        "Whether the records of the migration are archived on S3; this version cannot do it yet.",
      allowed: onOff,
      example: "false",
    }),
    bucket: key(
      z
        .string()
        .regex(/^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/)
        .optional(),
      {
        description: "Name of the bucket that the stack creates; without effect in this version.",
        absent: "named after the stack",
        allowed: "3 to 63 lower-case letters, digits and inner hyphens",
        example: "pool-migration-archive",
      },
    ),
    retentionDays: key(integer(1, 36_500).default(90), {
      description:
        "Days for which nobody may delete what was archived; without effect in this version.",
      allowed: "an integer from 1 to 36500",
      example: "90",
    }),
    lock: key(z.enum(lockModes).default("governance"), {
      description:
        "Object lock of the archive: governance = people with the right may lift it, compliance = nobody may; without effect in this version.",
      allowed: oneOf(lockModes),
      example: "governance",
    }),
  }),
} as const;
