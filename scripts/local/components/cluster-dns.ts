import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { nodeAddress } from "../namespaces.ts";
import type { Component } from "./component.ts";

/**
 * CoreDNS as a process on the node. It keeps the Services in memory, so that it needs no cache, and
 * a change of a pool's pods is seen with the next question. Names outside the cluster do not exist.
 */
export const clusterDns: Component = {
  name: "coredns",
  async prepare(context) {
    const directory = join(context.stateDirectory, "configuration");
    await mkdir(directory, { recursive: true });
    const corefile = join(directory, "Corefile");
    const lines = [
      "cluster.local:53 in-addr.arpa:53 {",
      `  bind ${nodeAddress}`,
      "  errors",
      "  kubernetes cluster.local in-addr.arpa {",
      `    kubeconfig ${context.kubeconfig}`,
      "    ttl 1",
      "  }",
      "}",
      ".:53 {",
      `  bind ${nodeAddress}`,
      "  template ANY ANY {",
      "    rcode NXDOMAIN",
      "  }",
      "}",
      "",
    ];
    await writeFile(corefile, lines.join("\n"));
    return [join(context.tools.coreDns.directory, "coredns"), "-conf", corefile];
  },
};
