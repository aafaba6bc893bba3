import type { Progress } from "../progress.ts";
import { ensureReleaseTool, goArchitecture } from "./release-tool.ts";
import type { InstalledTool } from "./release-tool.ts";

const version = "v1.34.4";
const minorVersion = "34";

const programs = [
  "kube-apiserver",
  "kube-controller-manager",
  "kube-scheduler",
  "kubelet",
  "kube-proxy",
  "kubectl",
] as const;

/** The Kubernetes programs of one node and its control plane, and kubectl. */
export function ensureKubernetes(progress: Progress, signal?: AbortSignal): Promise<InstalledTool> {
  const release = `https://dl.k8s.io/release/${version}/bin/linux/${goArchitecture()}`;
  const versionPackage = "k8s.io/component-base/version";
  return ensureReleaseTool(
    {
      name: "kubernetes",
      version,
      files: programs.map((name) => ({
        url: `${release}/${name}`,
        checksumUrl: `${release}/${name}.sha256`,
      })),
      build: {
        module: "k8s.io/kubernetes",
        version,
        packages: programs.map((name) => `k8s.io/kubernetes/cmd/${name}`),
        linkVariables: {
          [`${versionPackage}.gitVersion`]: version,
          [`${versionPackage}.gitMajor`]: "1",
          [`${versionPackage}.gitMinor`]: minorVersion,
        },
        placeholderReplacement: `v0.${minorVersion}.4`,
      },
      buildTime: "5 to 11 minutes on 2 cores",
    },
    progress,
    signal,
  );
}

/** etcd, the API server's store. */
export function ensureEtcd(progress: Progress, signal?: AbortSignal): Promise<InstalledTool> {
  const etcd = "v3.6.8";
  const release = `https://github.com/etcd-io/etcd/releases/download/${etcd}`;
  return ensureReleaseTool(
    {
      name: "etcd",
      version: etcd,
      files: [
        {
          url: `${release}/etcd-${etcd}-linux-${goArchitecture()}.tar.gz`,
          checksumUrl: `${release}/SHA256SUMS`,
        },
      ],
      stripComponents: 1,
      build: {
        module: "go.etcd.io/etcd/server/v3",
        version: etcd,
        packages: ["go.etcd.io/etcd/server/v3"],
        binaryName: "etcd",
      },
      buildTime: "about 1 minute on 2 cores",
    },
    progress,
    signal,
  );
}

/** CoreDNS, the cluster's name server. */
export function ensureCoreDns(progress: Progress, signal?: AbortSignal): Promise<InstalledTool> {
  const coreDns = "1.15.0";
  const archive =
    `https://github.com/coredns/coredns/releases/download/v${coreDns}/` +
    `coredns_${coreDns}_linux_${goArchitecture()}.tgz`;
  return ensureReleaseTool(
    {
      name: "coredns",
      version: `v${coreDns}`,
      files: [{ url: archive, checksumUrl: `${archive}.sha256` }],
      build: {
        module: "github.com/coredns/coredns",
        version: `v${coreDns}`,
        packages: ["github.com/coredns/coredns"],
      },
      buildTime: "2 to 5 minutes on 2 cores",
    },
    progress,
    signal,
  );
}
