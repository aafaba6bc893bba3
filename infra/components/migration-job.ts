import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { migrationsDigest } from "../database/migrations.ts";
import { workloadLabels } from "../rollout/names.ts";
import { migrateDeadlineSeconds, migrateJobSpec } from "./migrate-pod.ts";
import type { MigratePodArgs } from "./migrate-pod.ts";

/** What the Job needs to reach the database. */
export interface MigrationJobArgs extends MigratePodArgs {
  readonly namespace: pulumi.Input<string>;
  /** Password of PGUSER; secret. */
  readonly password: pulumi.Input<string>;
}

/** The Job's own failure is seen first: it says why. */
const graceSeconds = 30;

/**
 * Runs the SQL migrations inside the cluster, where a private database can be reached, and waits for them. The
 * digest of the SQL files is an argument: a Job cannot be changed, so edited SQL or a new image replaces it, and an
 * image with other files than this program's refuses to run. The Job stays after it is done: one that expired would
 * look deleted to the next refresh.
 */
export class MigrationJob extends pulumi.ComponentResource {
  readonly jobName: pulumi.Output<string>;
  /** Name of the Secret with the password, key `PGPASSWORD`. */
  readonly credentials: pulumi.Output<string>;

  constructor(name: string, args: MigrationJobArgs, opts: pulumi.ComponentResourceOptions) {
    super("pool-migration:components:MigrationJob", name, {}, opts);
    const child = { parent: this };
    const labels = workloadLabels(name);
    const secret = new k8s.core.v1.Secret(
      `${name}-credentials`,
      {
        metadata: { namespace: args.namespace, labels },
        immutable: true,
        stringData: { PGPASSWORD: args.password },
      },
      child,
    );
    this.credentials = secret.metadata.name;
    const command = ["up", "--expect-digest", migrationsDigest()];
    const job = new k8s.batch.v1.Job(
      name,
      {
        metadata: {
          namespace: args.namespace,
          labels,
          // A Job that failed is run again by the next update instead of being waited for in vain.
          annotations: { "pulumi.com/replaceUnready": "true" },
        },
        spec: migrateJobSpec(name, args, this.credentials, command),
      },
      {
        ...child,
        customTimeouts: { create: `${String(migrateDeadlineSeconds(args) + graceSeconds)}s` },
      },
    );
    this.jobName = job.metadata.name;
    this.registerOutputs({ jobName: this.jobName });
  }
}
