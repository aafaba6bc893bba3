import { clusterDns } from "./cluster-dns.ts";
import type { Component } from "./component.ts";
import { containerd } from "./containerd.ts";
import { apiServer, controllerManager, etcd, scheduler } from "./control-plane.ts";
import { kubelet, kubeProxy } from "./node.ts";
import { postgres } from "./postgres.ts";

/**
 * Every component of a local environment.
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
