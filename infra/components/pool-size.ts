import * as k8s from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import type { SideConfig } from "../config/migration-config.ts";
import { workloadSelector } from "../rollout/names.ts";
import type { ObjectMetadata } from "./network-policy.ts";

/** Mean CPU utilisation that the autoscaler aims at, per cent of the request: room for a pod that is lost. */
const targetUtilisation = 70;

/** Declared size of a pool. */
export type PoolSize = Pick<SideConfig, "autoscaling" | "replicas">;

/** What the size means for the Deployment. */
export interface DeploymentSize {
  readonly annotations: { readonly annotations?: Record<string, string> };
  readonly options: { readonly ignoreChanges?: string[] };
}

/**
 * How a Deployment leaves its size to the autoscaler, or takes it back.
 *
 * With an autoscaler the number is that of the first day alone, so that a new pool has its minimum at once; from then on
 * the field is ignored. An update that stopped declaring it instead would give up a field that nobody else owns yet, the
 * API server would put its default there, and the pool would fall to one pod until the autoscaler looks (seen: from three
 * pods to one, for 16 s). Ignored, the provider keeps the number of the cluster.
 *
 * Taking the size back needs the annotation: the number that is declared again may be the one that the engine still
 * has from before, so this is the change that makes the provider write it; and it overrides other writers.
 */
export function deploymentSize({ autoscaling }: PoolSize): DeploymentSize {
  return autoscaling === undefined
    ? { annotations: { annotations: { "pulumi.com/patchForce": "true" } }, options: {} }
    : { annotations: {}, options: { ignoreChanges: ["spec.replicas"] } };
}

/** Scales a pool between its declared size, which carries all the traffic, and its maximum. */
export function declareAutoscaler(
  metadata: ObjectMetadata,
  { autoscaling, replicas }: PoolSize,
  opts: pulumi.CustomResourceOptions,
): void {
  if (autoscaling === undefined) return;
  new k8s.autoscaling.v2.HorizontalPodAutoscaler(
    metadata.name,
    {
      metadata,
      spec: {
        scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: metadata.name },
        minReplicas: replicas,
        maxReplicas: autoscaling.max,
        metrics: [
          {
            type: "Resource",
            resource: {
              name: "cpu",
              target: { type: "Utilization", averageUtilization: targetUtilisation },
            },
          },
        ],
      },
    },
    opts,
  );
}

/**
 * Lets nodes be emptied one pod of the workload at a time. Pods that are not ready may always go: a broken V2 must not
 * keep a node from being repaired.
 */
export function declareDisruptionBudget(
  metadata: ObjectMetadata,
  opts: pulumi.CustomResourceOptions,
): void {
  new k8s.policy.v1.PodDisruptionBudget(
    metadata.name,
    {
      metadata,
      spec: {
        maxUnavailable: 1,
        unhealthyPodEvictionPolicy: "AlwaysAllow",
        selector: { matchLabels: workloadSelector(metadata.name) },
      },
    },
    opts,
  );
}
