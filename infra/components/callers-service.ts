import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import type { MigrationConfig } from "../config/migration-config.ts";
import { objectNames, poolName, workloadLabels, workloadSelector } from "../rollout/names.ts";

/**
 * The Service that callers use: one name for the whole migration. Its selector is all that changes when callers enter
 * the router, go past it, or are handed to V2, so that each of these is one write and no pod is touched.
 */
export function declareCallersService(
  { pool: { port }, router }: Pick<MigrationConfig, "pool" | "router">,
  namespace: pulumi.Input<string>,
  opts: pulumi.CustomResourceOptions,
): k8s.core.v1.Service {
  const name = objectNames.pool;
  return new k8s.core.v1.Service(
    name,
    {
      metadata: {
        name,
        namespace,
        labels: workloadLabels(name),
        // Pods are waited for with their Deployments. Waiting here too would hold up the way back to V1.
        annotations: { "pulumi.com/skipAwait": "true" },
      },
      spec: {
        type: router.serviceType,
        selector: workloadSelector(callersTarget(router)),
        ports: [{ name: "http", port, targetPort: "http", protocol: "TCP" }],
      },
    },
    opts,
  );
}

/** Address of the callers' Service inside the cluster, `host:port`. */
export function callersAddress(service: k8s.core.v1.Service, port: number): pulumi.Output<string> {
  return pulumi.interpolate`${service.metadata.name}.${service.metadata.namespace}.svc:${port}`;
}

function callersTarget({ entry, retire }: MigrationConfig["router"]): string {
  if (retire) return poolName("v2");
  return entry === "beside" ? poolName("v1") : objectNames.router;
}
