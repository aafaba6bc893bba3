import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { delimiter, join } from "node:path";
import { z } from "zod";
import { $ } from "zx";
import { pluginDirectoryName, providerPlugins } from "../local/engine/provider-plugins.ts";
import { projectRoot } from "../local/paths.ts";
import { pulumiVersionFits } from "../local/tools/pulumi.ts";
import type { Finding } from "./finding.ts";
import { finding, trouble } from "./finding.ts";
import { pulumi } from "./pulumi-command.ts";

/** First version of Kubernetes with native sidecars, the `sleep` hook and ValidatingAdmissionPolicies switched on. */
const minimumKubernetes = { major: 1, minor: 30 };

const manifestSchema = z.object({
  engines: z.object({ node: z.string() }),
  dependencies: z.record(z.string(), z.string()),
});

function manifest() {
  const text = readFileSync(join(projectRoot, "package.json"), "utf8");
  return manifestSchema.parse(JSON.parse(text));
}

/** Whether a version such as `v22.18.0` is at least that of a requirement such as `>=22.18`. */
export function satisfies(version: string, requirement: string): boolean {
  const numbers = (text: string) => (/\d+(\.\d+)*/.exec(text)?.[0] ?? "").split(".").map(Number);
  const [actual, needed] = [numbers(version), numbers(requirement)];
  for (const [index, part] of needed.entries()) {
    const own = actual[index] ?? 0;
    if (own !== part) return own > part;
  }
  return true;
}

/**
 * The Node.js that `pulumi up` will run the program with. `npm run` puts this project's own in front of PATH, a
 * `pulumi up` typed into a shell does not.
 */
export async function checkNode(signal: AbortSignal): Promise<Finding> {
  const needed = manifest().engines.node;
  const own = join("node_modules", ".bin");
  const path = (process.env["PATH"] ?? "")
    .split(delimiter)
    .filter((directory) => !directory.endsWith(own) && !directory.endsWith("node-gyp-bin"))
    .join(delimiter);
  const program = ["/usr/bin/env", "node", "--version"];
  const env = { ...process.env, PATH: path };
  const { exitCode, stdout } = await $({ quiet: true, nothrow: true, env, signal })`${program}`;
  signal.throwIfAborted();
  const fix =
    `Install Node.js ${needed} and put it first on PATH, or lend pulumi this project's own: ` +
    "export PATH=$PWD/node_modules/.bin:$PATH";
  if (exitCode !== 0) {
    return trouble("failed", "none on PATH", {
      what: `pulumi runs the program with the node on PATH; ${needed} is needed, there is none.`,
      fix,
    });
  }
  const version = stdout.trim();
  if (satisfies(version, needed)) return finding("passed", `${version} (needs ${needed})`);
  return trouble("failed", version, {
    what: `pulumi runs the program with the node on PATH; that is ${version}, needed is ${needed}.`,
    fix,
  });
}

/** The Pulumi command line, which is the engine. */
export async function checkPulumi(signal: AbortSignal): Promise<Finding> {
  const version = (await pulumi(["version"], signal)).trim();
  if (pulumiVersionFits(version)) return finding("passed", version);
  return trouble("failed", version, {
    what: `The engine ${version} is not one that this program's SDK was tried with.`,
    fix: "Install the newest 3.x: curl -fsSL https://get.pulumi.com | sh",
  });
}

const pluginsSchema = z.array(
  z.object({ name: z.string(), kind: z.string(), version: z.string().optional() }),
);

/** The provider plugins that the engine will start, beside the packages that npm has installed. */
export async function checkProviders(signal: AbortSignal): Promise<Finding> {
  const stale = stalePackages();
  if (stale.length > 0) {
    return trouble("failed", "not as package.json says", {
      what: `${stale.join("; ")}.`,
      fix: "Install what the lock file names: npm ci",
    });
  }
  const installed = pluginsSchema.parse(
    JSON.parse(await pulumi(["plugin", "ls", "--json"], signal)),
  );
  const plugins = providerPlugins();
  const missing = plugins.filter(
    ({ name, version }) =>
      !installed.some(
        (plugin) =>
          plugin.kind === "resource" && plugin.name === name && plugin.version === version,
      ),
  );
  const told = plugins.map(({ name, version }) => `${name} ${version}`).join(", ");
  if (missing.length === 0) return finding("passed", told);
  const names = missing.map(pluginDirectoryName).join(", ");
  const install = missing
    .map(({ name, version }) => `pulumi plugin install resource ${name} v${version}`)
    .join("\n");
  if (process.env["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] === "true") {
    return trouble("failed", "not installed", {
      what: `${names} not installed, and PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION keeps the engine from it.`,
      fix: install,
    });
  }
  return finding("passed", `${told} (the first preview downloads ${names})`);
}

/** Packages of this program that npm has installed in another version than package.json pins, or not at all. */
function stalePackages(): string[] {
  const require = createRequire(import.meta.url);
  return Object.entries(manifest().dependencies)
    .filter(([name]) => name.startsWith("@pulumi/"))
    .flatMap(([name, pinned]) => {
      const version = installedVersion(require.resolve.paths(name) ?? [], name);
      if (version === pinned) return [];
      return [`${name} is ${version ?? "not installed"}, package.json says ${pinned}`];
    });
}

function installedVersion(directories: readonly string[], name: string): string | undefined {
  const file = directories
    .map((directory) => join(directory, name, "package.json"))
    .find((path) => existsSync(path));
  if (file === undefined) return undefined;
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}

/** Whether the API server is new enough, from what it says of itself. */
export function judgeKubernetes(gitVersion: string, server: string): Finding {
  const [major = 0, minor = 0] = (/^v?(\d+)\.(\d+)/.exec(gitVersion) ?? []).slice(1).map(Number);
  const needed = `${String(minimumKubernetes.major)}.${String(minimumKubernetes.minor)}`;
  if (
    major > minimumKubernetes.major ||
    (major === minimumKubernetes.major && minor >= minimumKubernetes.minor)
  ) {
    return finding("passed", `Kubernetes ${gitVersion} at ${server} (needs ${needed})`);
  }
  return trouble("failed", `Kubernetes ${gitVersion} at ${server}`, {
    what:
      `Native sidecars, the sleep hook and ValidatingAdmissionPolicies are on from ${needed} on; ` +
      `this cluster is ${gitVersion}.`,
    fix: `Upgrade the control plane and the nodes to ${needed} or newer.`,
  });
}

/** kubectl is needed by people alone. */
export async function checkKubectl(signal: AbortSignal): Promise<Finding> {
  const command = ["/usr/bin/env", "kubectl", "version", "--client"];
  const { exitCode, stdout } = await $({ quiet: true, nothrow: true, signal })`${command}`;
  signal.throwIfAborted();
  return exitCode === 0
    ? finding("passed", stdout.split("\n")[0]?.trim() ?? "")
    : finding("skipped", "not on PATH; the program does without, to look around one wants it");
}
