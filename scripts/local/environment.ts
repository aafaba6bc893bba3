import type { ChildProcess, SpawnOptions } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { rm } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { cgroupName, cgroupsExist } from "./cgroups.ts";
import { components, startSideBySide } from "./components/all.ts";
import {
  componentError,
  componentPid,
  killComponent,
  runInside,
  startComponent,
} from "./components/component.ts";
import type { Component, ComponentContext } from "./components/component.ts";
import { nodeName } from "./components/node.ts";
import { passwordFile, postgresAdmin, postgresPort } from "./components/postgres.ts";
import { engineVariables, prepareEngine } from "./engine.ts";
import { completePath, ensureKernel, ensurePackages } from "./host-packages.ts";
import { importImages } from "./images/import-images.ts";
import { buildImages, buildSandboxImage } from "./images.ts";
import type { ProjectImages } from "./images.ts";
import { LocalError } from "./local-error.ts";
import { endNamespaces, nodeAddress, spawnInside, startNamespaces } from "./namespaces.ts";
import { environmentDirectory, environmentName } from "./paths.ts";
import { isRunning, waitFor } from "./processes.ts";
import { silentProgress } from "./progress.ts";
import type { Progress } from "./progress.ts";
import {
  createState,
  kubeconfigFile,
  passphraseFile,
  readRecord,
  writeImageReferences,
  writeRecord,
} from "./state.ts";
import type { EnvironmentRecord } from "./state.ts";
import { ensureTools } from "./tools/all.ts";
import type { Tools } from "./tools/all.ts";
import { ensurePulumi } from "./tools/pulumi.ts";
import { withLock } from "./tools/tool-cache.ts";

/** References of the project's images in the cluster, by what they are for. */
export type ImageReferences = Readonly<Record<keyof ProjectImages, string>>;

/** Where and as whom a stack reaches the database; the user is no superuser. */
export interface PostgresAccess {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly passwordFile: string;
}

const nodeTimeout = 60_000;

/**
 * A local environment that runs: a Kubernetes node with its control plane, and PostgreSQL, in namespaces of
 * their own. Nothing of it can be reached from outside, so programs that use it run inside.
 */
export class Environment {
  readonly name: string;
  /** Credentials, logs, and what programs want to keep; removed with the environment. */
  readonly stateDirectory: string;
  /** Path of the cluster administrator's kubeconfig. */
  readonly kubeconfig: string;
  /** Address of the node, of the API server and of the database, inside. */
  readonly nodeAddress = nodeAddress;
  readonly postgres: PostgresAccess;
  readonly tools: Tools;
  readonly #record: EnvironmentRecord;

  constructor(name: string, record: EnvironmentRecord) {
    this.name = name;
    this.stateDirectory = environmentDirectory(name);
    this.kubeconfig = kubeconfigFile(this.stateDirectory);
    this.tools = record.tools;
    this.#record = record;
    this.postgres = {
      host: nodeAddress,
      port: postgresPort,
      user: postgresAdmin,
      passwordFile: passwordFile(this.stateDirectory, postgresAdmin),
    };
  }

  /** Id of the first process of the environment's namespaces, as seen from outside. */
  get initPid(): number {
    return this.#record.init.pid;
  }

  /** Environment variables for programs that run inside. */
  get variables(): Record<string, string> {
    const { stateDirectory } = this;
    return {
      ...engineVariables({
        stateDirectory,
        passphraseFile: passphraseFile(stateDirectory),
        path: [this.tools.kubernetes.directory, completePath()].join(delimiter),
      }),
      KUBECONFIG: this.kubeconfig,
      POOL_MIGRATION_ENVIRONMENT: this.name,
    };
  }

  /**
   * Starts a program inside: it has this machine's files and the cluster's network. The child is the
   * program's representative outside and ends as it ends; use `signalInside` to send it a signal.
   */
  spawnInside(command: string, args: readonly string[], options: SpawnOptions = {}): ChildProcess {
    const env = { ...(options.env ?? process.env), ...this.variables };
    return spawnInside(this.initPid, command, args, { ...options, env });
  }

  /** Runs a program inside and returns its output; it fails if the program does. */
  execInside(command: string, args: readonly string[], input?: string): Promise<string> {
    return runInside(this.initPid, command, args, { env: this.variables, input });
  }

  /** Names of the components, and whether each runs. */
  componentStates(): Record<string, boolean> {
    const states = this.#components().map(({ name }): [string, boolean] => {
      return [name, componentPid(this.initPid, name) !== undefined];
    });
    return Object.fromEntries(states);
  }

  /** Ends a component at once, as a crash would. Pods go on running. */
  killComponent(component: string): Promise<void> {
    return killComponent(this.initPid, this.#find(component).name);
  }

  /** Starts a component that does not run, and waits until it answers. */
  startComponent(component: string, signal?: AbortSignal): Promise<void> {
    return startComponent(this.#context(signal), this.#find(component));
  }

  /**
   * Starts the components that do not run, side by side as far as they do without each other, and
   * imports the images meanwhile.
   *
   * @throws {LocalError} with the end of its log if one of them does not run.
   */
  async complete(images: ProjectImages, signal?: AbortSignal): Promise<void> {
    const started = startSideBySide(this.#components(), (name) =>
      this.startComponent(name, signal),
    );
    const importing = started.get("containerd")?.then(async () => {
      const all = [await buildSandboxImage(), ...Object.values(images)];
      await importImages(this.initPid, all, this.#layoutDirectory());
    });
    await Promise.all([importing, ...started.values()]);
    await this.#recordImages(images);
    const stopped = await waitFor("the node to be ready", nodeTimeout, () => this.#node(), signal);
    if (stopped !== "ready") throw componentError(this.stateDirectory, stopped, "It ended.");
  }

  /** `ready` if pods can be made, the name of a component that has stopped, or neither. */
  async #node(): Promise<string | undefined> {
    const stopped = Object.entries(this.componentStates()).find(([, running]) => !running);
    if (stopped !== undefined) return stopped[0];
    const kubectl = join(this.tools.kubernetes.directory, "kubectl");
    // A pod needs the service account too, which a controller makes some time after the namespace.
    const objects = ["get", `node/${nodeName}`, "serviceaccount/default", "--namespace=default"];
    const readiness = 'jsonpath={.items[*].status.conditions[?(@.type=="Ready")].status}';
    const answer = await this.execInside(kubectl, [...objects, "--output", readiness]);
    return answer.trim() === "True" ? "ready" : undefined;
  }

  /**
   * Builds the project's images from the sources as they are now, gives the cluster those it lacks, and
   * returns their references. Quick if nothing changed.
   */
  async loadImages(): Promise<ImageReferences> {
    const images = await buildImages();
    await importImages(this.initPid, Object.values(images), this.#layoutDirectory());
    return this.#recordImages(images);
  }

  /** Ends the environment and removes everything it consisted of. */
  stop(): Promise<void> {
    return stopEnvironment(this.name);
  }

  #layoutDirectory(): string {
    return join(this.stateDirectory, "image-layout");
  }

  async #recordImages(images: ProjectImages): Promise<ImageReferences> {
    const references = Object.fromEntries(
      Object.entries(images).map(([name, { reference }]) => [name, reference]),
    ) as ImageReferences;
    await writeImageReferences(this.stateDirectory, references);
    return references;
  }

  #components(): Component[] {
    return components(this.#record.sandboxImage);
  }

  #find(name: string): Component {
    const component = this.#components().find((candidate) => candidate.name === name);
    if (component !== undefined) return component;
    const names = this.#components().map((candidate) => candidate.name);
    throw new LocalError(`There is no component ${name}. Components: ${names.join(", ")}.`);
  }

  #context(signal?: AbortSignal): ComponentContext {
    return {
      group: cgroupName(this.name, this.stateDirectory),
      initPid: this.initPid,
      stateDirectory: this.stateDirectory,
      kubeconfig: this.kubeconfig,
      tools: this.tools,
      signal,
    };
  }
}

/** The environment of that name if it runs, completely or not. */
export function findEnvironment(name: string): Environment | undefined {
  const record = readRecord(name);
  return record && isRunning(record.init) ? new Environment(name, record) : undefined;
}

async function createEnvironment(name: string, tools: Tools): Promise<Environment> {
  const directory = environmentDirectory(name);
  await removeEnvironment(name); // what a killed run or a restarted machine left behind
  await createState(directory);
  const log = openSync(join(directory, "logs", "init.log"), "a");
  try {
    const sandbox = await buildSandboxImage();
    const init = await startNamespaces(cgroupName(name, directory), directory, log);
    const record = { init, tools, sandboxImage: sandbox.reference };
    await writeRecord(name, record);
    return new Environment(name, record);
  } finally {
    closeSync(log);
  }
}

/** What {@link startEnvironment} may be told. */
export interface StartOptions {
  /** Default: `POOL_MIGRATION_ENVIRONMENT`, else `default`. */
  readonly name?: string | undefined;
  readonly progress?: Progress;
  /** Whether missing packages of this machine are installed. Default true. */
  readonly install?: boolean;
  /** Gives up and removes what was started. */
  readonly signal?: AbortSignal;
}

/**
 * Starts the local environment of that name, with the project's images in it, or completes it: what
 * runs is left alone, so that calling this again changes nothing. What cannot be completed is removed
 * again, its logs excepted.
 *
 * @throws {LocalError} if the machine lacks something, with what to do about it.
 */
export async function startEnvironment(options: StartOptions = {}): Promise<Environment> {
  const { install = true, progress = silentProgress, signal } = options;
  const name = environmentName(options.name);
  await ensureKernel();
  await ensurePackages(install, progress);
  const tools = await ensureTools(progress, signal);
  const pulumi = await ensurePulumi(progress, signal);
  return withLock(environmentDirectory(name), async () => {
    const images = await progress.step("Images", buildImages);
    const running = findEnvironment(name);
    try {
      const environment =
        running ??
        (await progress.step("Namespaces and credentials", () => createEnvironment(name, tools)));
      signal?.throwIfAborted();
      await prepareEngine(environment, pulumi, progress);
      await progress.step("Cluster and database", () => environment.complete(images, signal));
      return environment;
    } catch (error) {
      if (running === undefined) await endNamespaces(groupOf(name)); // the logs stay
      if (running === undefined && signal?.aborted) await removeEnvironment(name);
      throw error;
    }
  });
}

function groupOf(name: string): string {
  return cgroupName(name, environmentDirectory(name));
}

/** Removes an environment, whether it runs, was half started, or is gone already. */
async function removeEnvironment(name: string): Promise<void> {
  if (cgroupsExist(groupOf(name))) await endNamespaces(groupOf(name));
  await rm(environmentDirectory(name), { recursive: true, force: true });
}

/**
 * Ends the environment of that name and removes everything it consisted of: processes, mounts,
 * interfaces, control groups, state. Nothing happens if there is none.
 */
export async function stopEnvironment(name: string): Promise<void> {
  await withLock(environmentDirectory(name), () => removeEnvironment(name));
}
