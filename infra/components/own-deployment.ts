import * as k8s from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import { workloadSelector } from "../rollout/names.ts";
import type { ObjectMetadata } from "./network-policy.ts";
import { readyTimeout } from "./ready-timeout.ts";

/** Size and pods of a Deployment of the project's own. */
export interface OwnDeploymentArgs {
  readonly replicas: number;
  /** Longest time that its pods may take to become ready before the update fails. */
  readonly readyTimeoutSeconds: number;
  readonly pod: k8s.types.input.core.v1.PodSpec;
}

/** Runs pods of the project's own; they are never fewer while they are replaced. */
export function declareOwnDeployment(
  metadata: ObjectMetadata,
  { replicas, readyTimeoutSeconds, pod }: OwnDeploymentArgs,
  opts: pulumi.CustomResourceOptions,
): void {
  new k8s.apps.v1.Deployment(
    metadata.name,
    {
      metadata,
      spec: {
        replicas,
        progressDeadlineSeconds: readyTimeoutSeconds,
        strategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
        selector: { matchLabels: workloadSelector(metadata.name) },
        template: { metadata: { labels: metadata.labels }, spec: pod },
      },
    },
    { ...opts, customTimeouts: readyTimeout(readyTimeoutSeconds) },
  );
}
