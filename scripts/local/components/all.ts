import { clusterDns } from "./cluster-dns.ts";
import type { Component } from "./component.ts";
import { containerd } from "./containerd.ts";
import { apiServer, controllerManager, etcd, scheduler } from "./control-plane.ts";
import { kubelet, kubeProxy } from "./node.ts";
import { postgres } from "./postgres.ts";

/**
 * Every component of a local environment, each behind those it needs.
 *
 * @param sandboxImage image of the container that holds a pod's namespaces.
 */
export function components(sandboxImage: string): Component[] {
  return [
    etcd,
    apiServer,
    containerd(sandboxImage),
    kubelet,
    controllerManager,
    scheduler,
    kubeProxy,
    clusterDns,
    postgres,
  ];
}

/**
 * Starts components side by side, each as soon as those it needs are started.
 *
 * @param list components, each behind those it needs.
 * @returns by name, when each is started.
 */
export function startSideBySide(
  list: readonly Component[],
  start: (name: string) => Promise<void>,
): ReadonlyMap<string, Promise<void>> {
  const started = new Map<string, Promise<void>>();
  for (const { name, needs = [] } of list) {
    const needed = Promise.all(needs.map(async (other) => started.get(other)));
    started.set(
      name,
      needed.then(() => start(name)),
    );
  }
  return started;
}
