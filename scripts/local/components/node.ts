import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { nodeAddress, podNetwork } from "../namespaces.ts";
import { containerdSocket } from "./containerd.ts";
import type { Component, ComponentContext } from "./component.ts";

/** Name of the environment's only node. */
export const nodeName = "node0";

async function writeConfiguration(
  context: ComponentContext,
  name: string,
  configuration: object,
): Promise<string> {
  const directory = join(context.stateDirectory, "configuration");
  await mkdir(directory, { recursive: true });
  const file = join(directory, `${name}.json`);
  await writeFile(file, JSON.stringify(configuration, undefined, 2));
  return file;
}

/** The kubelet. */
export const kubelet: Component = {
  name: "kubelet",
  needs: ["containerd"],
  async prepare(context) {
    const authority = join(context.stateDirectory, "pki", "ca.crt");
    const configuration = await writeConfiguration(context, "kubelet", {
      apiVersion: "kubelet.config.k8s.io/v1beta1",
      kind: "KubeletConfiguration",
      containerRuntimeEndpoint: `unix://${containerdSocket}`,
      cgroupDriver: "cgroupfs",
      cgroupRoot: `/${context.group}`,
      failCgroupV1: false,
      failSwapOn: false,
      enforceNodeAllocatable: [],
      oomScoreAdj: 0, // a container may not lower it
      authentication: { anonymous: { enabled: false }, x509: { clientCAFile: authority } },
      authorization: { mode: "Webhook" },
      clusterDNS: [nodeAddress],
      clusterDomain: "cluster.local",
      resolvConf: join(context.stateDirectory, "resolv.conf"),
      kubeAPIQPS: 100,
      kubeAPIBurst: 200,
      serializeImagePulls: false,
      // The machine's disks and memory are not this node's to manage.
      imageGCHighThresholdPercent: 100,
      evictionHard: {
        "memory.available": "50Mi",
        "nodefs.available": "0%",
        "nodefs.inodesFree": "0%",
        "imagefs.available": "0%",
      },
    });
    return [
      join(context.tools.kubernetes.directory, "kubelet"),
      `--config=${configuration}`,
      `--kubeconfig=${context.kubeconfig}`,
      `--hostname-override=${nodeName}`,
      `--node-ip=${nodeAddress}`,
      "--root-dir=/var/lib/kubelet",
      "--cert-dir=/var/lib/kubelet/pki",
    ];
  },
};

/** kube-proxy, which makes the Services' addresses work. */
export const kubeProxy: Component = {
  name: "kube-proxy",
  needs: ["kube-apiserver"],
  async prepare(context) {
    const configuration = await writeConfiguration(context, "kube-proxy", {
      apiVersion: "kubeproxy.config.k8s.io/v1alpha1",
      kind: "KubeProxyConfiguration",
      mode: "iptables",
      clusterCIDR: podNetwork,
      hostnameOverride: nodeName,
      bindAddress: nodeAddress,
      metricsBindAddress: "127.0.0.1:10249",
      oomScoreAdj: 0,
      clientConnection: { kubeconfig: context.kubeconfig },
      // The connection table's size is the machine's: kube-proxy cannot set it from in here.
      conntrack: { maxPerCore: 0, min: 0 },
    });
    return [join(context.tools.kubernetes.directory, "kube-proxy"), `--config=${configuration}`];
  },
};
