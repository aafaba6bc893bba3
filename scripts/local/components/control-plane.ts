import { join } from "node:path";
import { nodeAddress, serviceNetwork } from "../namespaces.ts";
import { apiServerPort } from "../pki.ts";
import { succeedsInside } from "./component.ts";
import type { Component, ComponentContext } from "./component.ts";

/**
 * The Kubernetes control plane. All of it listens inside the environment's network namespace only; that
 * is why addresses of all interfaces may be used there.
 */

const etcdEndpoint = "http://127.0.0.1:2379";

function program(context: ComponentContext, name: string): string {
  return join(context.tools.kubernetes.directory, name);
}

/** etcd, in memory and without waiting for disks: the cluster is disposable. */
export const etcd: Component = {
  name: "etcd",
  prepare: (context) =>
    Promise.resolve([
      join(context.tools.etcd.directory, "etcd"),
      "--name=node0",
      "--data-dir=/run/etcd",
      "--unsafe-no-fsync",
      "--log-level=warn",
      `--listen-client-urls=${etcdEndpoint}`,
      `--advertise-client-urls=${etcdEndpoint}`,
      "--listen-peer-urls=http://127.0.0.1:2380",
      "--initial-advertise-peer-urls=http://127.0.0.1:2380",
      "--initial-cluster=node0=http://127.0.0.1:2380",
    ]),
};

/** The API server, with role-based access control as on any real cluster. */
export const apiServer: Component = {
  name: "kube-apiserver",
  prepare(context) {
    const pki = (file: string): string => join(context.stateDirectory, "pki", file);
    return Promise.resolve([
      program(context, "kube-apiserver"),
      `--etcd-servers=${etcdEndpoint}`,
      `--advertise-address=${nodeAddress}`,
      `--secure-port=${apiServerPort}`,
      `--service-cluster-ip-range=${serviceNetwork}`,
      "--authorization-mode=RBAC",
      "--allow-privileged",
      "--shutdown-delay-duration=0s",
      `--tls-cert-file=${pki("kube-apiserver.crt")}`,
      `--tls-private-key-file=${pki("kube-apiserver.key")}`,
      `--client-ca-file=${pki("ca.crt")}`,
      `--token-auth-file=${pki("tokens.csv")}`,
      "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
      `--service-account-key-file=${pki("service-account.pub")}`,
      `--service-account-signing-key-file=${pki("service-account.key")}`,
      "--kubelet-preferred-address-types=InternalIP",
      `--kubelet-client-certificate=${pki("kubelet-client.crt")}`,
      `--kubelet-client-key=${pki("kubelet-client.key")}`,
    ]);
  },
  ready(context) {
    const options = [`--kubeconfig=${context.kubeconfig}`, "--request-timeout=2s"];
    return succeedsInside(context, program(context, "kubectl"), [
      ...options,
      ...["get", "--raw=/readyz"],
    ]);
  },
};

/** The controllers, among them those of Deployments, Jobs, EndpointSlices and namespaces. */
export const controllerManager: Component = {
  name: "kube-controller-manager",
  needs: [apiServer.name],
  prepare: (context) =>
    Promise.resolve([
      program(context, "kube-controller-manager"),
      `--kubeconfig=${context.kubeconfig}`,
      "--bind-address=127.0.0.1",
      "--leader-elect=false",
      "--kube-api-qps=100",
      "--kube-api-burst=200",
      // There is no other node to go to: one whose kubelet is late after an outage of the API server keeps its endpoints.
      "--node-monitor-grace-period=5m",
      `--service-account-private-key-file=${join(context.stateDirectory, "pki", "service-account.key")}`,
      `--root-ca-file=${join(context.stateDirectory, "pki", "ca.crt")}`,
    ]),
};

/** The scheduler. */
export const scheduler: Component = {
  name: "kube-scheduler",
  prepare: (context) =>
    Promise.resolve([
      program(context, "kube-scheduler"),
      `--kubeconfig=${context.kubeconfig}`,
      "--bind-address=127.0.0.1",
      "--leader-elect=false",
    ]),
};
