import type * as k8s from "@pulumi/kubernetes";
import { workloadSelector } from "../rollout/names.ts";

/**
 * Spreads a workload's pods over zones, and in them over nodes, as far as there are any: where there is one zone or
 * one node, all pods run there. Pods of an older version are not counted, or a rolling update would leave the new
 * ones lopsided once the old ones are gone.
 *
 * @param name name of the workload
 */
export function spreadPods(name: string): k8s.types.input.core.v1.TopologySpreadConstraint[] {
  return ["topology.kubernetes.io/zone", "kubernetes.io/hostname"].map((topologyKey) => ({
    maxSkew: 1,
    topologyKey,
    whenUnsatisfiable: "ScheduleAnyway",
    labelSelector: { matchLabels: workloadSelector(name) },
    matchLabelKeys: ["pod-template-hash"],
  }));
}
