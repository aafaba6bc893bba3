import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { workloadLabels } from "../rollout/names.ts";
import { migrateJobSpec } from "./migrate-pod.ts";
import type { MigratePodArgs } from "./migrate-pod.ts";

/** What the maintenance of the tables needs. */
export interface MaintenanceCronJobArgs extends MigratePodArgs {
  readonly namespace: pulumi.Input<string>;
  /** Name of the Secret with the owner's password. */
  readonly credentials: pulumi.Input<string>;
  /** Full months of the pools' samples that are kept before this one. */
  readonly keepMonths: number;
}

/** Once a day, when little happens in most places. */
const schedule = "17 3 * * *";

/** A run that could not begin in time, because the cluster was away, is made up for within this. */
const startSeconds = 6 * 3600;

/**
 * Keeps the tables in order every day: makes the partitions of the coming months and deletes months that are older than
 * those to keep. Nothing waits for it, and nobody who writes or reads does. One that fails is tried again the next day;
 * partitions are ready a year ahead.
 */
export class MaintenanceCronJob extends pulumi.ComponentResource {
  constructor(name: string, args: MaintenanceCronJobArgs, opts: pulumi.ComponentResourceOptions) {
    super("pool-migration:components:MaintenanceCronJob", name, {}, opts);
    const command = ["maintain", "--keep-months", String(args.keepMonths)];
    new k8s.batch.v1.CronJob(
      name,
      {
        // Named, so that people can start it: kubectl create job --from=cronjob/<name>.
        metadata: { name, namespace: args.namespace, labels: workloadLabels(name) },
        spec: {
          schedule,
          timeZone: "Etc/UTC",
          concurrencyPolicy: "Forbid",
          startingDeadlineSeconds: startSeconds,
          successfulJobsHistoryLimit: 1,
          failedJobsHistoryLimit: 1,
          jobTemplate: {
            metadata: { labels: workloadLabels(name) },
            spec: migrateJobSpec(name, args, args.credentials, command),
          },
        },
      },
      { parent: this },
    );
    this.registerOutputs({});
  }
}
