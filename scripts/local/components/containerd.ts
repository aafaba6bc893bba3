import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { podNetwork } from "../namespaces.ts";
import { succeedsInside } from "./component.ts";
import type { Component } from "./component.ts";

/** containerd's socket inside the environment. */
export const containerdSocket = "/run/containerd/containerd.sock";

/** Where packages put the network plugins: Debian and Ubuntu, then the plugins' own releases. */
const pluginDirectories = ["/usr/lib/cni", "/usr/libexec/cni", "/opt/cni/bin"];

/** The directory of the container network plugins, or undefined if they are not installed. */
export function networkPluginDirectory(): string | undefined {
  return pluginDirectories.find((directory) => existsSync(join(directory, "bridge")));
}

function configuration(networkDirectory: string, sandboxImage: string): string {
  const cri = 'plugins."io.containerd.grpc.v1.cri"';
  return [
    "version = 2",
    'root = "/run/containerd/root"',
    'state = "/run/containerd/state"',
    "[grpc]",
    `  address = "${containerdSocket}"`,
    `[${cri}]`,
    `  sandbox_image = "${sandboxImage}"`,
    // setting an oom_score_adj below one's own fails where this process may not (a container)
    "  restrict_oom_score_adj = true",
    "  disable_apparmor = true", // loading a profile would change the machine
    `[${cri}.cni]`,
    `  bin_dir = "${networkPluginDirectory()}"`,
    `  conf_dir = "${networkDirectory}"`,
    `[${cri}.containerd]`,
    '  snapshotter = "overlayfs"',
    '  default_runtime_name = "runc"',
    `[${cri}.containerd.runtimes.runc]`,
    '  runtime_type = "io.containerd.runc.v2"',
    `[${cri}.containerd.runtimes.runc.options]`,
    "  SystemdCgroup = false",
    "",
  ].join("\n");
}

/** A bridge for the pods, with address translation on the way out and port mappings. */
const network = {
  cniVersion: "0.4.0",
  name: "pods",
  plugins: [
    {
      type: "bridge",
      bridge: "cni0",
      isGateway: true,
      ipMasq: true,
      hairpinMode: true,
      ipam: {
        type: "host-local",
        ranges: [[{ subnet: podNetwork }]],
        routes: [{ dst: "0.0.0.0/0" }],
      },
    },
    { type: "portmap", capabilities: { portMappings: true } },
  ],
};

/**
 * The container runtime.
 *
 * @param sandboxImage image of the container that holds a pod's namespaces.
 */
export function containerd(sandboxImage: string): Component {
  return {
    name: "containerd",
    async prepare({ stateDirectory }) {
      const networkDirectory = join(stateDirectory, "configuration", "cni");
      await mkdir(networkDirectory, { recursive: true });
      await writeFile(
        join(networkDirectory, "pods.conflist"),
        JSON.stringify(network, undefined, 2),
      );
      const file = join(stateDirectory, "configuration", "containerd.toml");
      await writeFile(file, configuration(networkDirectory, sandboxImage));
      return ["containerd", `--config=${file}`];
    },
    ready: (context) => succeedsInside(context, "ctr", ["--address", containerdSocket, "version"]),
  };
}
