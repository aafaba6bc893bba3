import type * as k8s from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import { workloadLabels } from "../rollout/names.ts";
import { restrictedContainer, restrictedOwnPod } from "./restricted-pod.ts";

/** What a pod needs to work on the database. */
export interface MigratePodArgs {
  /** Image with the project's tools. */
  readonly image: string;
  /** libpq's variables, the password excepted: PGHOST, PGPORT, PGDATABASE, PGUSER, PGSSLMODE. */
  readonly connection: Readonly<Record<string, pulumi.Input<string>>>;
  /** Longest time that its pod may take to start; the same that a Deployment's pods have. */
  readonly readyTimeoutSeconds: number;
}

/** Longest time that the work itself may take, retries included; more than the runner is patient. */
const runSeconds = 90;

/**
 * Longest time from the creation of a Job to its end. A Job has no time limit of its own for the start of a pod, so that an
 * image that cannot be pulled is waited for until this: the time that a Deployment would be given, and that for the work.
 */
export function migrateDeadlineSeconds({ readyTimeoutSeconds }: MigratePodArgs): number {
  return readyTimeoutSeconds + runSeconds;
}

/**
 * A Job that runs a command of `scripts/agents/migrate.ts` once.
 *
 * @param name name of the workload and of its container
 * @param credentials name of the Secret with the password, key `PGPASSWORD`
 * @param command the command with its options
 */
export function migrateJobSpec(
  name: string,
  args: MigratePodArgs,
  credentials: pulumi.Input<string>,
  command: string[],
): k8s.types.input.batch.v1.JobSpec {
  return {
    backoffLimit: 2,
    activeDeadlineSeconds: migrateDeadlineSeconds(args),
    // A refusal stays one, however often it is repeated; only what is broken is worth another try.
    podFailurePolicy: {
      rules: [
        {
          action: "FailJob",
          onExitCodes: { containerName: name, operator: "In", values: [1, 2] },
        },
      ],
    },
    template: {
      metadata: { labels: workloadLabels(name) },
      spec: {
        restartPolicy: "Never",
        automountServiceAccountToken: false,
        securityContext: restrictedOwnPod,
        containers: [
          {
            name,
            image: args.image,
            imagePullPolicy: "IfNotPresent",
            command: ["/usr/local/bin/node", "/app/scripts/agents/migrate.ts"],
            args: command,
            env: Object.entries(args.connection).map(([name, value]) => ({ name, value })),
            envFrom: [{ secretRef: { name: credentials } }],
            // The reason of a failure becomes part of the pod's status, where the engine reads it.
            terminationMessagePolicy: "FallbackToLogsOnError",
            resources: {
              requests: { cpu: "50m", memory: "64Mi" },
              limits: { memory: "256Mi" },
            },
            securityContext: restrictedContainer,
          },
        ],
      },
    },
  };
}
