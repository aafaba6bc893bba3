import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { migrationsDigest } from "../database/migrations.ts";
import { workloadLabels } from "../rollout/names.ts";
import { restrictedContainer, restrictedOwnPod } from "./restricted-pod.ts";

/** What the Job needs to reach the database. */
export interface MigrationJobArgs {
  readonly namespace: pulumi.Input<string>;
  /** Image with the project's tools. */
  readonly image: string;
  /** libpq's variables, the password excepted: PGHOST, PGPORT, PGDATABASE, PGUSER, PGSSLMODE. */
  readonly connection: Readonly<Record<string, pulumi.Input<string>>>;
  /** Password of PGUSER; secret. */
  readonly password: pulumi.Input<string>;
  /** Longest time that its pod may take to start; the same that a Deployment's pods have. */
  readonly readyTimeoutSeconds: number;
}

/** Longest time that the migrations themselves may take, retries included; more than the runner is patient. */
const runSeconds = 90;

/** The Job's own failure is seen first: it says why. */
const graceSeconds = 30;

/**
 * Runs the SQL migrations inside the cluster, where a private database can be reached, and waits for them. The
 * digest of the SQL files is an argument: a Job cannot be changed, so edited SQL or a new image replaces it, and an
 * image with other files than this program's refuses to run. The Job stays after it is done: one that expired would
 * look deleted to the next refresh.
 *
 * A Job has no time limit of its own for the start of a pod, so that an image that cannot be pulled is waited for until
 * the deadline of the whole Job: the time that a Deployment would be given, and that for the work itself.
 */
export class MigrationJob extends pulumi.ComponentResource {
  readonly jobName: pulumi.Output<string>;

  constructor(name: string, args: MigrationJobArgs, opts: pulumi.ComponentResourceOptions) {
    super("pool-migration:components:MigrationJob", name, {}, opts);
    const child = { parent: this };
    const deadlineSeconds = args.readyTimeoutSeconds + runSeconds;
    const labels = workloadLabels(name);
    const credentials = new k8s.core.v1.Secret(
      `${name}-credentials`,
      {
        metadata: { namespace: args.namespace, labels },
        immutable: true,
        stringData: { PGPASSWORD: args.password },
      },
      child,
    );
    const job = new k8s.batch.v1.Job(
      name,
      {
        metadata: {
          namespace: args.namespace,
          labels,
          // A Job that failed is run again by the next update instead of being waited for in vain.
          annotations: { "pulumi.com/replaceUnready": "true" },
        },
        spec: {
          backoffLimit: 2,
          activeDeadlineSeconds: deadlineSeconds,
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
            metadata: { labels },
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
                  args: ["up", "--expect-digest", migrationsDigest()],
                  env: Object.entries(args.connection).map(([name, value]) => ({ name, value })),
                  envFrom: [{ secretRef: { name: credentials.metadata.name } }],
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
        },
      },
      { ...child, customTimeouts: { create: `${deadlineSeconds + graceSeconds}s` } },
    );
    this.jobName = job.metadata.name;
    this.registerOutputs({ jobName: this.jobName });
  }
}
