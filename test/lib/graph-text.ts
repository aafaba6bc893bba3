import { stringify } from "yaml";
import { migrationsDigest } from "../../infra/database/migrations.ts";
import type { Graph, RegisteredResource } from "./graph.ts";

/** Reads every SQL file: once is enough. */
const sqlDigest = migrationsDigest();

/** A graph as reviewers read it: every resource that a provider works on, by `<kind> <name>`, in that order. */
export function graphText(graph: Graph): string {
  return resourcesText(describedResources(graph));
}

/**
 * What another graph has in a different way: resources that are new or changed in full, then the names of those that
 * are gone. Order in which the engine works is shown, but does not make a difference.
 */
export function differenceText(before: Graph, after: Graph): string {
  const [old, now] = [describedResources(before), describedResources(after)];
  const different = [...now].filter(([name, resource]) => {
    const counterpart = old.get(name);
    return counterpart === undefined || leavesOf(counterpart) !== leavesOf(resource);
  });
  const gone = [...old.keys()].filter((name) => !now.has(name));
  return resourcesText(new Map(different)) + (gone.length === 0 ? "" : `\n${stringify({ gone })}`);
}

/**
 * The difference between two graphs in words: `new: …; <resource>: <path> <old> → <new>; gone: …; nothing else`.
 */
export function differenceInWords(before: Graph, after: Graph): string {
  const [old, now] = [describedResources(before), describedResources(after)];
  const added = [...now.keys()].filter((name) => !old.has(name));
  const gone = [...old.keys()].filter((name) => !now.has(name));
  const changed = [...now].flatMap(([name, resource]) => {
    const counterpart = old.get(name);
    if (counterpart === undefined) return [];
    const [from, to] = [leaves(counterpart), leaves(resource)];
    const paths = [...new Set([...from.keys(), ...to.keys()])].filter(
      (path) => from.get(path) !== to.get(path),
    );
    const words = paths
      .sort()
      .map((path) => `${path} ${from.get(path) ?? "(none)"} → ${to.get(path) ?? "(none)"}`);
    return words.length === 0 ? [] : [`${name}: ${words.join(", ")}`];
  });
  return [
    ...(added.length === 0 ? [] : [`new: ${added.join(", ")}`]),
    ...changed,
    ...(gone.length === 0 ? [] : [`gone: ${gone.join(", ")}`]),
    "nothing else",
  ].join("; ");
}

interface DescribedResource {
  readonly type: string;
  /** What the engine waits for. */
  readonly after: readonly string[];
  readonly options: Readonly<Record<string, unknown>>;
  readonly inputs: unknown;
}

function describedResources({ resources }: Graph): Map<string, DescribedResource> {
  const described = resources
    .filter(({ custom }) => custom)
    .map((resource): [string, DescribedResource] => [
      shortName(`${resource.type} ${resource.name}`),
      {
        type: resource.type,
        after: [...new Set(resource.dependencies.map(shortName))].sort(),
        options: optionsOf(resource),
        inputs: readable(withoutKind(resource.inputs), resource.secrets, ""),
      },
    ]);
  const byName = new Map(described.sort(([a], [b]) => (a < b ? -1 : 1)));
  if (byName.size !== described.length) throw new Error("two resources have the same short name");
  return byName;
}

/** `Deployment pool-v2` of `kubernetes:apps/v1:Deployment pool-v2`. */
function shortName(key: string): string {
  const [type = "", name = ""] = key.split(" ");
  const kind = type.startsWith("pulumi:providers:") ? "Provider" : (type.split(":").at(-1) ?? "");
  return `${kind} ${name}`;
}

/** The type says it already. */
function withoutKind(inputs: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(inputs).filter(([key]) => key !== "apiVersion" && key !== "kind"),
  );
}

/** Options of a resource, without those that are not set. */
function optionsOf({ customTimeouts, deletedWith, ignoreChanges }: RegisteredResource) {
  return {
    ...(customTimeouts.create === "" ? {} : { customTimeouts }),
    ...(deletedWith === "" ? {} : { deletedWith: shortName(deletedWith) }),
    ...(ignoreChanges.length === 0 ? {} : { ignoreChanges }),
  };
}

/** Inputs with their keys sorted, secrets masked, and the digest of the SQL, which has tests of its own, named. */
function readable(value: unknown, secrets: readonly string[], path: string): unknown {
  if (secrets.includes(path)) return "(secret)";
  if (value === sqlDigest) return "(digest of the SQL)";
  if (Array.isArray(value)) {
    return value.map((item, index) => readable(item, secrets, `${path}[${index}]`));
  }
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => [key, readable(item, secrets, path === "" ? key : `${path}.${key}`)]),
  );
}

function resourcesText(resources: ReadonlyMap<string, DescribedResource>): string {
  return [...resources]
    .map(([name, { type, after, options, inputs }]) =>
      stringify(
        {
          [name]: {
            type,
            ...(after.length === 0 ? {} : { after }),
            ...options,
            inputs,
          },
        },
        { lineWidth: 0, aliasDuplicateObjects: false },
      ),
    )
    .join("\n");
}

/** Everything in a resource but the order of work, as one text. */
function leavesOf(resource: DescribedResource): string {
  return JSON.stringify([...leaves(resource)]);
}

/** Values of a resource's inputs and options by their path. */
function leaves({ inputs, options }: DescribedResource): Map<string, string> {
  const found = new Map<string, string>();
  const collect = (value: unknown, path: string): void => {
    if (typeof value !== "object" || value === null) {
      found.set(path, String(value));
      return;
    }
    for (const [key, item] of Object.entries(value)) {
      const inner = Array.isArray(value) ? `${path}[${key}]` : path === "" ? key : `${path}.${key}`;
      collect(item, inner);
    }
  };
  collect(inputs, "");
  collect(options, "options");
  return found;
}
