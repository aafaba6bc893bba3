import { type PropertyMap } from "../lib/properties.ts";
import { pluck, pluckNumber, pluckObjects, pluckText, toText } from "./objects.ts";

/** Whether an object has become what it was declared to be. */
export type Readiness =
  | { state: "ready" }
  /** `progress` is one line for people; `problems` say what is wrong if it never gets there. */
  | { state: "waiting"; progress: string; problems: string[] }
  /** It can no longer get there by itself. */
  | { state: "failed"; problems: string[] };

const ready: Readiness = { state: "ready" };

/**
 * A Deployment is ready when its controller has seen the newest version, all replicas are of that version, none of an
 * older one is left, and all are available: the conditions of `kubectl rollout status`.
 * Source: https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#complete-deployment
 */
export function deploymentReadiness(deployment: PropertyMap): Readiness {
  const wanted = pluckNumber(deployment, ["spec", "replicas"], 1);
  const status = (field: string) => pluckNumber(deployment, ["status", field]);
  const seen = status("observedGeneration") >= pluckNumber(deployment, ["metadata", "generation"]);
  const updated = status("updatedReplicas");
  const available = status("availableReplicas");
  const old = status("replicas") - updated;
  if (seen && updated >= wanted && available >= wanted && old <= 0) return ready;
  const current = Math.min(updated, available);
  return {
    state: "waiting",
    progress: `Waiting for the Deployment to be available (${String(current)}/${String(wanted)} Pods)`,
    problems: [
      ...pluckObjects(deployment, "status", "conditions")
        .filter(
          ({ type, status }) =>
            (type === "Available" || type === "Progressing") && status === "False",
        )
        .map(({ reason, message }) => `[${toText(reason)}] ${toText(message)}`),
      `${String(updated)} of ${String(wanted)} Pods are of the newest version; ${String(available)} Pods are available.`,
    ],
  };
}

/**
 * A Job is ready when it is complete and failed when its controller gave it up.
 * Source: https://kubernetes.io/docs/concepts/workloads/controllers/job/#job-termination-and-cleanup
 */
export function jobReadiness(job: PropertyMap): Readiness {
  const conditions = pluckObjects(job, "status", "conditions").filter(
    ({ status }) => status === "True",
  );
  if (conditions.some(({ type }) => type === "Complete")) return ready;
  const failure = conditions.find(({ type }) => type === "Failed");
  if (failure !== undefined) {
    const { reason, message } = failure;
    return { state: "failed", problems: [`[${toText(reason)}] ${toText(message)}`] };
  }
  const count = (field: string) => String(pluckNumber(job, ["status", field]));
  const counts = `${count("active")} active, ${count("succeeded")} succeeded, ${count("failed")} failed`;
  return {
    state: "waiting",
    progress: `Waiting for the Job to complete (${counts})`,
    problems: [`The Job did not complete (${counts}).`],
  };
}

/**
 * A Service is ready when it has an endpoint, ready or not; a headless one and one of type ExternalName at once; a
 * LoadBalancer needs its address too.
 */
export function serviceReadiness(service: PropertyMap, endpointSlices: PropertyMap[]): Readiness {
  const type = pluckText(service, "spec", "type") ?? "ClusterIP";
  if (type === "ExternalName" || pluckText(service, "spec", "clusterIP") === "None") return ready;
  if (!endpointSlices.some((slice) => pluckObjects(slice, "endpoints").length > 0)) {
    return {
      state: "waiting",
      progress: "Finding Pods to direct traffic to",
      problems: [
        "The Service targets no Pods: there may be none, or `.spec.selector` does not match their labels.",
      ],
    };
  }
  if (
    type === "LoadBalancer" &&
    pluckObjects(service, "status", "loadBalancer", "ingress").length === 0
  ) {
    return {
      state: "waiting",
      progress: "Waiting for the address of the load balancer",
      problems: ["The Service was given no address: the cluster may have no load balancers."],
    };
  }
  return ready;
}

/** What is wrong with Pods, one sentence for each container in trouble: an image that cannot be pulled, a crash … */
export function podProblems(pods: PropertyMap[]): string[] {
  return pods.flatMap((pod) => {
    const name = pluckText(pod, "metadata", "name") ?? "";
    const containers = ["initContainerStatuses", "containerStatuses"].flatMap((list) =>
      pluckObjects(pod, "status", list),
    );
    const troubled = containers.flatMap((container) => {
      const trouble = containerTrouble(container);
      return trouble === undefined
        ? []
        : [`[Pod ${name}] container ${toText(container["name"])}: ${trouble}`];
    });
    if (troubled.length > 0) return troubled;
    return pluckObjects(pod, "status", "conditions")
      .filter(({ type, status }) => type === "PodScheduled" && status === "False")
      .map(({ reason, message }) => `[Pod ${name}] ${toText(reason)}: ${toText(message)}`);
  });
}

/** States of a container on its way, which are no trouble. */
const normalReasons = new Set(["ContainerCreating", "PodInitializing"]);

function containerTrouble(container: PropertyMap): string | undefined {
  const waiting = pluckText(container, "state", "waiting", "reason");
  if (waiting !== undefined && !normalReasons.has(waiting)) {
    const message = pluckText(container, "state", "waiting", "message");
    const last = ending(container, "lastState");
    return [waiting, message, last].filter((part) => part !== undefined).join(": ");
  }
  const ended = ending(container, "state");
  if (ended !== undefined) return ended;
  const running = pluck(container, "state", "running") !== undefined;
  if (running && container["ready"] === false && container["started"] === true) {
    return "runs, but its readiness probe does not succeed";
  }
  return undefined;
}

function ending(container: PropertyMap, state: "state" | "lastState"): string | undefined {
  const ended = pluck(container, state, "terminated");
  const code = pluckNumber(ended, ["exitCode"]);
  if (ended === undefined || code === 0) return undefined;
  const message = pluckText(ended, "message");
  return `ended with exit code ${String(code)}${message === undefined ? "" : ` (${message.trim()})`}`;
}
