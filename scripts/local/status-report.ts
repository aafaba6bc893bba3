import { readFileSync } from "node:fs";
import { join } from "node:path";
import { engineInventory } from "./engine.ts";
import type { EngineInventory } from "./engine.ts";
import { findEnvironment } from "./environment.ts";
import type { Environment, PostgresAccess } from "./environment.ts";
import { nodeAddress } from "./namespaces.ts";
import { environmentDirectory, projectRoot } from "./paths.ts";
import { adminUser, apiServerPort } from "./pki.ts";
import { runCommand } from "./run-command.ts";
import { readImageReferences } from "./state.ts";
import { envoyVersion } from "./tools/envoy.ts";
import type { ToolSource } from "./tools/release-tool.ts";

/** A part of the environment. */
interface VersionOf {
  readonly version: string;
  /** Where it came from: a release, a build from source, this machine, or a package registry. */
  readonly source: ToolSource | "machine" | "npm" | "PyPI";
}

/** What `local:status` tells. */
export interface EnvironmentStatus {
  readonly name: string;
  readonly running: boolean;
  /** Whether it runs and so do all its components. */
  readonly complete: boolean;
  readonly stateDirectory: string;
  readonly components?: Readonly<Record<string, boolean>>;
  readonly endpoints?: {
    readonly kubernetes: {
      readonly url: string;
      readonly user: string;
      readonly kubeconfig: string;
    };
    readonly postgres: PostgresAccess;
    readonly dns: string;
  };
  readonly versions?: Readonly<Record<string, VersionOf>>;
  /** What runs a stack, and what of it is official. */
  readonly engine?: EngineInventory | undefined;
  readonly images?: Readonly<Record<string, string>>;
}

/** The first thing in a program's output that looks like a version. */
async function machineVersion(program: string): Promise<VersionOf> {
  const output = await runCommand(program, ["--version"]).catch(() => "");
  return { version: /\d+\.\d+(\.\d+)?[^\s,]*/.exec(output)?.[0] ?? "unknown", source: "machine" };
}

function packageVersion(name: string): VersionOf {
  const file = join(projectRoot, "node_modules", name, "package.json");
  const manifest = JSON.parse(readFileSync(file, "utf8")) as { version: string };
  return { version: manifest.version, source: "npm" };
}

async function versionsOf({ tools }: Environment): Promise<Record<string, VersionOf>> {
  const [containerd, runc] = await Promise.all(["containerd", "runc"].map(machineVersion));
  return {
    kubernetes: tools.kubernetes,
    etcd: tools.etcd,
    coredns: tools.coreDns,
    ...(containerd && { containerd }),
    ...(runc && { runc }),
    envoy: { version: envoyVersion, source: "PyPI" },
    postgres: packageVersion("embedded-postgres"),
    node: { version: process.version, source: "npm" },
  };
}

/** The state of the environment of that name, which need not exist. */
export async function environmentStatus(name: string): Promise<EnvironmentStatus> {
  const stateDirectory = environmentDirectory(name);
  const environment = findEnvironment(name);
  if (environment === undefined) return { name, running: false, complete: false, stateDirectory };
  const components = environment.componentStates();
  return {
    name,
    running: true,
    complete: Object.values(components).every(Boolean),
    stateDirectory,
    components,
    endpoints: {
      kubernetes: {
        url: `https://${nodeAddress}:${apiServerPort}`,
        user: adminUser,
        kubeconfig: environment.kubeconfig,
      },
      postgres: environment.postgres,
      dns: `${nodeAddress}:53`,
    },
    versions: await versionsOf(environment),
    engine: engineInventory(environment),
    images: readImageReferences(stateDirectory),
  };
}

function columns(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`);
}

function engineRows({ engine, languageHost, providers }: EngineInventory): [string, string][] {
  return [
    ["pulumi", `${engine.version} (${engine.source})`],
    ["Node language host", languageHost],
    ...Object.entries(providers).map(([name, { version, kind }]): [string, string] => [
      `${name} provider`,
      `${version} (${kind})`,
    ]),
  ];
}

/** The status for people. */
export function statusText(status: EnvironmentStatus): string {
  const { name, endpoints } = status;
  const option = name === "default" ? "" : `--name ${name} `;
  if (!status.running || endpoints === undefined) {
    return `The environment ${name} does not run. Start it: npm run local:up${option && ` -- ${option}`}`;
  }
  const states = Object.entries(status.components ?? {});
  const stopped = states.filter(([, running]) => !running).map(([component]) => component);
  const versions = Object.entries(status.versions ?? {});
  const { kubernetes, postgres } = endpoints;
  return [
    stopped.length === 0
      ? `The environment ${name} runs.`
      : `The environment ${name} runs without ${stopped.join(", ")}; local:up starts them again.`,
    "",
    "Endpoints (inside: use local:exec)",
    ...columns([
      [
        "Kubernetes",
        `${kubernetes.url} as ${kubernetes.user}, KUBECONFIG=${kubernetes.kubeconfig}`,
      ],
      [
        "PostgreSQL",
        `${postgres.host}:${postgres.port} as ${postgres.user}, password in ${postgres.passwordFile}`,
      ],
      ["DNS", endpoints.dns],
      ["State and logs", status.stateDirectory],
    ]),
    "",
    "Versions",
    ...columns(versions.map(([part, { version, source }]) => [part, `${version} (${source})`])),
    "",
    "Engine",
    ...columns(status.engine === undefined ? [["none", ""]] : engineRows(status.engine)),
    "",
    "Images",
    ...columns(Object.entries(status.images ?? {})),
    "",
    `Try: npm run local:exec -- ${option}kubectl get nodes`,
  ].join("\n");
}
