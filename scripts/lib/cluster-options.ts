import { z } from "zod";
import { namespaceName } from "../../infra/rollout/names.ts";
import { findConnection } from "./kubeconfig.ts";
import { KubernetesClient } from "./kubernetes.ts";
import type { Option } from "./verb.ts";
import { VerbError, exitCodes } from "./verb.ts";

const text = z.string().min(1, "the value is empty");

/** Options of every verb that talks to the cluster of a stack. */
export const clusterOptions = {
  stack: {
    help: "stack to act on (default: the environment variable PULUMI_STACK, else dev)",
    placeholder: "name",
    schema: text.optional().transform((given) => given ?? (process.env["PULUMI_STACK"] || "dev")),
  },
  namespace: {
    help: "its Kubernetes namespace (default: pool-migration-<stack>)",
    placeholder: "name",
    schema: text.optional(),
  },
  context: {
    help: "kubeconfig context (default: the current one)",
    placeholder: "name",
    schema: text.optional(),
  },
  json: {
    help: "print one JSON object instead of text",
    schema: z.boolean().default(false),
  },
} satisfies Record<string, Option>;

/** Option that bounds a wait. */
export function timeoutOption(defaultSeconds: number) {
  return {
    help: `longest wait (default: ${String(defaultSeconds)})`,
    placeholder: "seconds",
    schema: z.coerce
      .number({ error: "use a number of seconds from 1 to 3600" })
      .min(1, "use a number of seconds from 1 to 3600")
      .max(3600, "use a number of seconds from 1 to 3600")
      .default(defaultSeconds),
  } satisfies Option;
}

/** Why a person does it; goes into the cluster's record and into every report. */
export const reasonOption = {
  help: "why; recorded with who and when",
  placeholder: "text",
  schema: z
    .string('say why, for the record: --reason "p99 doubled since p25"')
    .trim()
    .min(1, "say why, for the record")
    .max(500, "use at most 500 characters"),
} satisfies Option;

/** Option that shows what would be done. */
export const dryRunOption = {
  help: "check and show what would be written, write nothing",
  schema: z.boolean().default(false),
} satisfies Option;

/** The stack's place in the cluster. */
export interface StackTarget {
  stack: string;
  namespace: string;
  client: KubernetesClient;
}

/**
 * Finds the cluster and the namespace that the options name.
 *
 * @throws VerbError, KubeconfigError
 */
export async function findStack(options: {
  stack: string;
  namespace?: string | undefined;
  context?: string | undefined;
}): Promise<StackTarget> {
  // Pulumi also writes organization/project/stack.
  const stack = options.stack.split("/").at(-1) ?? "";
  let namespace = options.namespace;
  try {
    namespace ??= namespaceName(stack);
  } catch (error) {
    throw new VerbError(exitCodes.refused, (error as Error).message);
  }
  return {
    stack,
    namespace,
    client: new KubernetesClient(await findConnection({ context: options.context })),
  };
}
