import { objectNames } from "../../../infra/rollout/names.ts";
import type { KubernetesClient } from "../../lib/kubernetes.ts";
import { resources } from "../../lib/kubernetes-objects.ts";
import type { Channel } from "./notices.ts";

/** Longest message of an event, characters. */
const longestMessage = 1024;

/**
 * Tells notices as Kubernetes events about the ConfigMap `rollout`: `kubectl get events` shows them, and what exports
 * events passes them on.
 *
 * @param client of the API server; undefined while there are no credentials
 * @param pod name of this pod
 */
export function eventChannel(
  client: () => KubernetesClient | undefined,
  namespace: string,
  pod: string,
): Channel {
  let number = 0;
  return async ({ reason, type, message, at }) => {
    const connected = client();
    if (connected === undefined) throw new Error("there are no credentials for the API server");
    const time = new Date(at).toISOString().replace(/\.\d{3}/, "");
    number += 1;
    await connected.create(resources.events, namespace, {
      apiVersion: "v1",
      kind: "Event",
      metadata: { name: `${pod}.${at.toString(16)}.${number.toString(16)}`, namespace },
      involvedObject: { apiVersion: "v1", kind: "ConfigMap", name: objectNames.rollout, namespace },
      reason,
      message: message.slice(0, longestMessage),
      type,
      source: { component: objectNames.guard, host: pod },
      reportingComponent: objectNames.guard,
      reportingInstance: pod,
      firstTimestamp: time,
      lastTimestamp: time,
      count: 1,
    });
  };
}
