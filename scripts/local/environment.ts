import type { ChildProcess, SpawnOptions } from "node:child_process";
import { randomBytes } from "node:crypto";
import { closeSync, existsSync, openSync, readFileSync } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { cgroupName, cgroupsExist } from "./cgroups.ts";
import { components } from "./components/all.ts";
import { killComponent, startComponent } from "./components/component.ts";
import type { ComponentContext } from "./components/component.ts";
import { nodeName } from "./components/node.ts";
import {
  passwordFile,
  postgresAdmin,
  postgresPort,
  postgresSuperuser,
} from "./components/postgres.ts";
import { completePath } from "./host-packages.ts";
import { importImages } from "./images/import-images.ts";
import type { Image } from "./images/image.ts";
import { buildSandboxImage } from "./images.ts";
import { endNamespaces, nodeAddress, spawnInside, startNamespaces } from "./namespaces.ts";
import { environmentDirectory, environmentName } from "./paths.ts";
import { createCredentials } from "./pki.ts";
import { isRunning, waitFor } from "./processes.ts";
import type { ProcessIdentity } from "./processes.ts";
import type { Progress } from "./progress.ts";
import { silentProgress } from "./progress.ts";
import { runCommand } from "./run-command.ts";
import { ensureTools } from "./tools/all.ts";
import type { Tools } from "./tools/all.ts";
import { withLock } from "./tools/tool-cache.ts";

/** What is known of an environment after it was started, stored as `environment.json`. */
interface EnvironmentRecord {
  readonly init: ProcessIdentity;
  readonly tools: Tools;
  readonly sandboxImage: string;
}

const recordFile = "environment.json";
const nodeTimeout = 60_000;

/** A running local environment. */
export class Environment {
  readonly name: string;
  readonly stateDirectory: string;
  readonly kubeconfig: string;
  /** Address of the node, of the API server and of PostgreSQL, inside. */
  readonly nodeAddress = nodeAddress;
  readonly tools: Tools;
  readonly #init: ProcessIdentity;
  readonly #sandboxImage: string;

  constructor(name: string, record: EnvironmentRecord) {
    this.name = name;
    this.stateDirectory = environmentDirectory(name);
    this.kubeconfig = kubeconfigFile(this.stateDirectory);
    this.tools = record.tools;
    this.#init = record.init;
    this.#sandboxImage = record.sandboxImage;
  }

  /** Id of the first process of the environment's namespaces, as seen from outside. */
  get initPid(): number {
    return this.#init.pid;
  }

  /** The database's administrator, who is no superuser. */
  get postgres(): { host: string; port: number; user: string; passwordFile: string } {
    return {
      host: nodeAddress,
      port: postgresPort,
      user: postgresAdmin,
      passwordFile: passwordFile(this.stateDirectory, postgresAdmin),
    };
  }

  /** Environment variables for programs that run inside. */
  get variables(): Record<string, string> {
    return {
      PATH: [this.tools.kubernetes.directory, completePath()].join(delimiter),
      KUBECONFIG: this.kubeconfig,
      POOL_MIGRATION_ENVIRONMENT: this.name,
    };
  }

  /** Starts a program inside; it sees this machine's files, and the cluster's network. */
  spawnInside(command: string, args: readonly string[], options: SpawnOptions = {}): ChildProcess {
    const env = { ...(options.env ?? process.env), ...this.variables };
    return spawnInside(this.initPid, command, args, { ...options, env });
  }

  /** Ends a component at once, as a crash would. */
  killComponent(component: string): Promise<void> {
    return killComponent(this.initPid, find(component).name);
  }

  /** Starts a component that does not run, and waits until it answers. */
  startComponent(component: string): Promise<void> {
    return startComponent(this.context(), find(component, this.#sandboxImage));
  }

  /** Gives the cluster images; those it has already are left alone. */
  importImages(images: readonly Image[]): Promise<string[]> {
    return importImages(this.initPid, images);
  }

  /** Ends the environment and removes everything it consisted of. */
  stop(): Promise<void> {
    return stopEnvironment(this.name);
  }

  /** What components need to know. */
  context(): ComponentContext {
    return {
      group: cgroupName(this.name, this.stateDirectory),
      initPid: this.initPid,
      stateDirectory: this.stateDirectory,
      kubeconfig: this.kubeconfig,
      tools: this.tools,
    };
  }
}

function kubeconfigFile(stateDirectory: string): string {
  return join(stateDirectory, "kubeconfig.json");
}

function find(name: string, sandboxImage = ""): ReturnType<typeof components>[number] {
  const all = components(sandboxImage);
  const component = all.find((candidate) => candidate.name === name);
  if (component === undefined) {
    const names = all.map((candidate) => candidate.name).join(", ");
    throw new Error(`There is no component ${JSON.stringify(name)}. Components: ${names}.`);
  }
  return component;
}

/** The environment of that name if it runs, complete or not. */
export function findEnvironment(name: string): Environment | undefined {
  const file = join(environmentDirectory(name), recordFile);
  if (!existsSync(file)) return undefined;
  const record = JSON.parse(readFileSync(file, "utf8")) as EnvironmentRecord;
  return isRunning(record.init) ? new Environment(name, record) : undefined;
}

async function createState(directory: string): Promise<void> {
  await mkdir(join(directory, "logs"), { recursive: true });
  await writeFile(join(directory, "resolv.conf"), `nameserver ${nodeAddress}\n`);
  for (const role of [postgresAdmin, postgresSuperuser]) {
    const file = passwordFile(directory, role);
    if (!existsSync(file)) await writeFile(file, randomBytes(24).toString("hex"), { mode: 0o600 });
  }
  await createCredentials(join(directory, "pki"), kubeconfigFile(directory));
}

async function create(name: string, tools: Tools, sandbox: Image): Promise<Environment> {
  const directory = environmentDirectory(name);
  const group = cgroupName(name, directory);
  await removeRemains(name);
  await createState(directory);
  const log = openSync(join(directory, "logs", "init.log"), "a");
  try {
    const init = await startNamespaces(group, directory, log);
    const record: EnvironmentRecord = { init, tools, sandboxImage: sandbox.reference };
    await writeFile(join(directory, recordFile), JSON.stringify(record, undefined, 2));
    return new Environment(name, record);
  } finally {
    closeSync(log);
  }
}

/** Starts the components side by side: each waits for those it needs by asking again. */
async function startComponents(environment: Environment, sandbox: Image): Promise<void> {
  const context = environment.context();
  await Promise.all(
    components(sandbox.reference).map(async (component) => {
      await startComponent(context, component);
      if (component.name === "containerd") await environment.importImages([sandbox]);
    }),
  );
}

async function waitForNode(environment: Environment): Promise<void> {
  const kubectl = join(environment.tools.kubernetes.directory, "kubectl");
  const jsonPath = 'jsonpath={.status.conditions[?(@.type=="Ready")].status}';
  const query = [`--kubeconfig=${environment.kubeconfig}`, "get", "node", nodeName, "-o", jsonPath];
  const [program = kubectl, ...args] = [
    "nsenter",
    ...["--target", String(environment.initPid), "--net", "--mount", "--pid", "--", kubectl],
    ...query,
  ];
  await waitFor("the node to be ready", nodeTimeout, async () => {
    return (await runCommand(program, args)) === "True";
  });
}

/**
 * Starts the local environment of that name, or completes it: components that run are left alone, so
 * that calling this twice changes nothing. If it cannot be completed, what was started is ended.
 */
export async function startEnvironment(options: {
  readonly name?: string;
  readonly progress?: Progress;
}): Promise<Environment> {
  const name = environmentName(options.name);
  const progress = options.progress ?? silentProgress;
  const tools = await ensureTools(progress);
  return withLock(environmentDirectory(name), async () => {
    const sandbox = await buildSandboxImage();
    const running = findEnvironment(name);
    const environment =
      running ??
      (await progress.step("Namespaces and credentials", () => create(name, tools, sandbox)));
    try {
      await progress.step("Cluster and database", async () => {
        await startComponents(environment, sandbox);
        await waitForNode(environment);
      });
      return environment;
    } catch (error) {
      if (running === undefined) await endNamespaces(environment.context().group);
      throw error;
    }
  });
}

/** Ends what is left of an environment, whether or not it was completely started. */
async function removeRemains(name: string): Promise<void> {
  const directory = environmentDirectory(name);
  const group = cgroupName(name, directory);
  if (cgroupsExist(group)) await endNamespaces(group);
  await rm(directory, { recursive: true, force: true });
}

/** Ends an environment, complete, half-started or gone, and removes everything it consisted of. */
export async function stopEnvironment(name: string): Promise<void> {
  await withLock(environmentDirectory(name), () => removeRemains(name));
}
