import { parseGuardSettings } from "../../infra/rollout/guard-settings.ts";
import type { GuardPodSettings } from "../../infra/rollout/guard-settings.ts";
import { findResource } from "../lib/graph.ts";
import type { Graph } from "../lib/graph.ts";
import { types } from "./example-stack.ts";

interface Variable {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: {
    readonly secretKeyRef?: { readonly name: string; readonly key: string };
    readonly fieldRef?: { readonly fieldPath: string };
  };
}

/** The little of the guard's Deployment that is looked at here. */
interface Workload {
  readonly replicas: number;
  readonly progressDeadlineSeconds: number;
  readonly template: {
    readonly spec: {
      readonly serviceAccountName: string;
      readonly terminationGracePeriodSeconds: number;
      readonly volumes: readonly object[];
      readonly containers: readonly {
        readonly env: readonly Variable[];
        readonly volumeMounts: readonly { readonly mountPath: string }[];
      }[];
    };
  };
}

type Container = Workload["template"]["spec"]["containers"][number];

/** Specification of the guard's Deployment. */
export function guardWorkload(graph: Graph): Workload {
  return findResource(graph, types.deployment, "guard").inputs.spec as Workload;
}

/**
 * The guard's only container.
 *
 * @throws Error if it has another number
 */
export function guardContainer(graph: Graph): Container {
  const [container, ...others] = guardWorkload(graph).template.spec.containers;
  if (container === undefined || others.length > 0) throw new Error("not one container");
  return container;
}

/** Variables of its container, by name. */
export function guardVariables(graph: Graph): ReadonlyMap<string, Variable> {
  return new Map(guardContainer(graph).env.map((variable) => [variable.name, variable]));
}

/** What it is started with, as its program reads it. */
export function guardSettingsOf(graph: Graph): GuardPodSettings {
  return parseGuardSettings(guardVariables(graph).get("GUARD_SETTINGS")?.value);
}
