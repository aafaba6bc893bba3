import * as k8s from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import { workloadSelector } from "../rollout/names.ts";

type IngressRule = k8s.types.input.networking.v1.NetworkPolicyIngressRule;

/** Name, namespace and labels of an object. */
export interface ObjectMetadata {
  readonly name: string;
  readonly namespace: pulumi.Input<string>;
  readonly labels: Record<string, string>;
}

/** Lets everybody reach a port, from inside the cluster and from outside. */
export function fromAnywhere(port: number): IngressRule {
  return { ports: [{ port, protocol: "TCP" }] };
}

/** Lets the pods of one workload in the same namespace reach a port. */
export function fromWorkload(name: string, port: number): IngressRule {
  return {
    from: [{ podSelector: { matchLabels: workloadSelector(name) } }],
    ports: [{ port, protocol: "TCP" }],
  };
}

/**
 * What may open connections to a workload's pods; everything else may not, the kubelet's probes excepted. Policies
 * add up: whoever wants more, a Prometheus of the cluster for instance, adds one of their own. What the pods
 * themselves may open is left to the cluster.
 */
export function declareIngressPolicy(
  metadata: ObjectMetadata,
  ingress: IngressRule[],
  opts: pulumi.CustomResourceOptions,
): k8s.networking.v1.NetworkPolicy {
  return new k8s.networking.v1.NetworkPolicy(
    metadata.name,
    {
      metadata,
      spec: {
        podSelector: { matchLabels: workloadSelector(metadata.name) },
        policyTypes: ["Ingress"],
        ingress,
      },
    },
    opts,
  );
}
