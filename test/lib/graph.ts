import { createHash } from "node:crypto";
import * as pulumi from "@pulumi/pulumi";
import { program } from "../../infra/program.ts";
import { projectName } from "../../infra/rollout/names.ts";

/** A resource as the program registers it. */
export interface RegisteredResource {
  readonly urn: string;
  readonly type: string;
  readonly name: string;
  readonly custom: boolean;
  /** Type and name of the parent, `<type> <name>`. */
  readonly parent: string;
  /** Inputs without the wrapping of secrets. */
  readonly inputs: Record<string, unknown>;
  /** Paths of the inputs that are secret, such as `stringData`. */
  readonly secrets: readonly string[];
  /** Everything the engine waits for before it works on this resource, the provider excepted. */
  readonly dependencies: readonly string[];
  readonly customTimeouts: { readonly create: string; readonly update: string };
  /** The resource with which this one goes, so that it is not deleted by itself. */
  readonly deletedWith: string;
  /** Paths of the inputs whose changes the engine ignores. */
  readonly ignoreChanges: readonly string[];
}

/** What a program registers, in order, and what it exports. */
export interface Graph {
  readonly resources: readonly RegisteredResource[];
  readonly outputs: Readonly<Record<string, unknown>>;
}

/** Configuration of a stack: top-level keys without their namespace; maps as such. */
export type GraphConfig = Readonly<Record<string, unknown>>;

/** Keys that hold a secret in every graph. */
const secretKeys = ["router", "database", "pool", "v2"];

/**
 * Runs the whole program without an engine. Every create succeeds at once; an object without a name of its own gets
 * one that depends on its content, as a replacement by the engine would.
 */
export async function programGraph(config: GraphConfig, stack = "dev"): Promise<Graph> {
  const keyed = Object.entries(config).map(([key, value]) => [
    `${projectName}:${key}`,
    typeof value === "string" ? value : JSON.stringify(value),
  ]);
  pulumi.runtime.setAllConfig(
    Object.fromEntries(keyed) as Record<string, string>,
    secretKeys.filter((key) => key in config).map((key) => `${projectName}:${key}`),
  );
  await pulumi.runtime.setMocks(
    {
      newResource: ({ name, inputs }) => ({
        id: `${name}-id`,
        state: withName(name, inputs as Record<string, unknown>),
      }),
      call: ({ inputs }) => inputs as Record<string, unknown>,
    },
    projectName,
    stack,
  );
  const resources: RegisteredResource[] = [];
  recordRegistrations(resources);
  return await withoutStacks(async () => {
    const outputs = (await pulumi.runtime.runInPulumiStack(() => Promise.resolve(program()))) as
      Record<string, unknown> | undefined;
    // The outputs may be there before the last resource was registered.
    await pulumi.runtime.disconnect();
    return { resources, outputs: outputs ?? {} };
  });
}

/**
 * Runs without stacks: the SDK asks for that of every promise it makes, and mapping them to sources takes longer than
 * everything else. Errors keep their message.
 */
async function withoutStacks<Result>(run: () => Promise<Result>): Promise<Result> {
  const mapped = Object.getOwnPropertyDescriptor(Error, "prepareStackTrace");
  Error.prepareStackTrace = String;
  try {
    return await run();
  } finally {
    if (mapped) Object.defineProperty(Error, "prepareStackTrace", mapped);
  }
}

/** The resources of a type, by name. */
export function resourcesOfType(graph: Graph, type: string): Map<string, RegisteredResource> {
  return new Map(
    graph.resources.filter((resource) => resource.type === type).map((r) => [r.name, r]),
  );
}

/**
 * The resource of this type and name.
 *
 * @throws Error that lists what there is
 */
export function findResource(graph: Graph, type: string, name: string): RegisteredResource {
  const resource = resourcesOfType(graph, type).get(name);
  if (resource !== undefined) return resource;
  const known = graph.resources.map((other) => `${other.type} ${other.name}`);
  throw new Error(`no ${type} ${name}; there are\n${known.join("\n")}`);
}

/** Resources that the engine works on before the given one is done, as `<type> <name>`, sorted. */
export function resourcesNotBehind(graph: Graph, awaited: string): string[] {
  const behind = new Set([awaited]);
  const keyOf = ({ type, name }: RegisteredResource) => `${type} ${name}`;
  const isBehind = (resource: RegisteredResource) =>
    behind.has(resource.parent) || resource.dependencies.some((needed) => behind.has(needed));
  for (const resource of graph.resources) if (isBehind(resource)) behind.add(keyOf(resource));
  behind.delete(awaited);
  return graph.resources
    .map(keyOf)
    .filter((key) => !behind.has(key))
    .sort();
}

/**
 * What the engine would do between two graphs: `added`, `removed` and `changed` resources as `<type> <name>`. In what
 * order it does so is not part of it.
 */
export function compareGraphs(before: Graph, after: Graph) {
  const index = (graph: Graph) =>
    new Map(
      graph.resources
        .filter(({ custom }) => custom)
        .map((resource) => [
          `${resource.type} ${resource.name}`,
          JSON.stringify({ ...resource, dependencies: [] }),
        ]),
    );
  const [old, now] = [index(before), index(after)];
  return {
    added: [...now.keys()].filter((key) => !old.has(key)),
    removed: [...old.keys()].filter((key) => !now.has(key)),
    changed: [...now.keys()].filter((key) => old.has(key) && old.get(key) !== now.get(key)),
  };
}

/** The little of a registration request that is looked at. */
interface RegistrationRequest {
  getType(): string;
  getName(): string;
  getCustom(): boolean;
  getParent(): string;
  getObject(): { toJavaScript(): Record<string, unknown> };
  getDependenciesList(): string[];
  getCustomtimeouts(): { getCreate(): string; getUpdate(): string } | undefined;
  getDeletedwith(): string;
  getIgnorechangesList(): string[];
}

interface Monitor {
  registerResource(request: RegistrationRequest, callback: unknown): unknown;
  newUrn(parent: string, type: string, name: string): string;
}

/** Mocks see inputs alone; dependencies, parents and options are in the request to the engine. */
function recordRegistrations(resources: RegisteredResource[]): void {
  const monitor = (pulumi.runtime as unknown as { getMonitor(): Monitor }).getMonitor();
  const register = monitor.registerResource.bind(monitor);
  monitor.registerResource = (request, callback) => {
    const secrets: string[] = [];
    resources.push({
      urn: monitor.newUrn(request.getParent(), request.getType(), request.getName()),
      type: request.getType(),
      name: request.getName(),
      custom: request.getCustom(),
      parent: shortUrn(request.getParent()),
      inputs: unwrap(request.getObject().toJavaScript(), "", secrets) as Record<string, unknown>,
      secrets,
      dependencies: request.getDependenciesList().map(shortUrn).sort(),
      customTimeouts: {
        create: request.getCustomtimeouts()?.getCreate() ?? "",
        update: request.getCustomtimeouts()?.getUpdate() ?? "",
      },
      deletedWith: shortUrn(request.getDeletedwith()),
      ignoreChanges: request.getIgnorechangesList(),
    });
    return register(request, callback);
  };
}

/** `<type> <name>` of a URN. */
function shortUrn(urn: string): string {
  const [, , types = "", name = ""] = urn.split("::");
  return `${types.split("$").at(-1)} ${name}`.trim();
}

/** Key and value by which Pulumi marks a secret (sdk/nodejs/runtime/rpc.ts). */
const signatureKey = "4dabf18193072939515e22adb298388d";
const secretSignature = "1b47061264138c4ac30d75fd1eb44270";

function unwrap(value: unknown, path: string, secrets: string[]): unknown {
  if (Array.isArray(value)) {
    return value.map((item, index) => unwrap(item, `${path}[${index}]`, secrets));
  }
  if (typeof value !== "object" || value === null) return value;
  const map = value as Record<string, unknown>;
  if (map[signatureKey] === secretSignature) {
    secrets.push(path);
    return unwrap(map.value, path, secrets);
  }
  return Object.fromEntries(
    Object.entries(map).map(([key, item]) => [
      key,
      unwrap(item, path === "" ? key : `${path}.${key}`, secrets),
    ]),
  );
}

function withName(name: string, inputs: Record<string, unknown>): Record<string, unknown> {
  const metadata = inputs.metadata as { name?: string } | undefined;
  if (metadata === undefined || metadata.name !== undefined) return inputs;
  const suffix = createHash("sha256").update(JSON.stringify(inputs)).digest("hex").slice(0, 8);
  return { ...inputs, metadata: { ...metadata, name: `${name}-${suffix}` } };
}
