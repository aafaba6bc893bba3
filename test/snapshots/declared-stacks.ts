import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { programGraph } from "../lib/graph.ts";
import type { Graph, GraphConfig } from "../lib/graph.ts";

/** Names of the stacks whose configuration is in the repository. */
export const stackNames = ["dev", "prod"] as const;

/** Name of a stack whose configuration is in the repository. */
export type StackName = (typeof stackNames)[number];

type Settings = Readonly<Record<string, unknown>>;

/** What is filled in where the files leave a placeholder. */
const filledIn: Readonly<Record<string, string>> = {
  "<v1-image>": "registry.example.com/pool:1.0.0",
  "<v2-image>": "registry.example.com/pool:2.0.0",
  "<router-image>": "registry.example.com/router:1.0.0",
  "<tools-image>": "registry.example.com/tools:1.0.0",
  "<database-host>": "db.example.com",
  "<database-admin-user>": "postgres",
};

/** A placeholder of a stack's file. */
export interface Placeholder {
  /** Path of the key, such as `v1.image`. */
  readonly path: string;
  /** What the file has there, such as `<v1-image>`. */
  readonly text: string;
}

/** Configuration of a stack as its file has it, by top-level key. */
function fileConfig(stack: StackName): GraphConfig {
  const file = parse(
    readFileSync(join(import.meta.dirname, `../../Pulumi.${stack}.yaml`), "utf8"),
  ) as {
    config: Record<string, unknown>;
  };
  return Object.fromEntries(
    Object.entries(file.config).map(([key, value]) => [key.replace("pool-migration:", ""), value]),
  );
}

/** Placeholders of a stack's file, in its order. */
export function placeholders(stack: StackName): Placeholder[] {
  const search = (value: unknown, path: string): Placeholder[] => {
    if (typeof value === "string") return /^<.*>$/.test(value) ? [{ path, text: value }] : [];
    if (typeof value !== "object" || value === null) return [];
    return Object.entries(value).flatMap(([key, inner]) =>
      search(inner, path === "" ? key : `${path}.${key}`),
    );
  };
  return search(fileConfig(stack), "");
}

/**
 * Configuration of a stack as its file has it, with what people fill in: secrets, and all placeholders but one.
 *
 * @param left placeholder that is left
 */
export function filledConfig(stack: StackName, left?: Placeholder): GraphConfig {
  const text = Object.entries(filledIn)
    .filter(([placeholder]) => placeholder !== left?.text)
    .reduce(
      (all, [placeholder, value]) => all.replaceAll(placeholder, value),
      stringify(fileConfig(stack)),
    );
  const config = parse(text) as Record<string, Settings | undefined>;
  const { database } = config;
  return {
    ...config,
    router: { ...config.router, agentToken: "agent-token-of-the-snapshots" },
    ...(database && {
      database: {
        ...database,
        admin: { ...(database.admin as Settings), password: "password-of-the-snapshots" },
      },
    }),
  };
}

/** Graph of a stack at a stage, with V2 switched on, and with other keys of the router where given. */
export function stackGraph(stack: StackName, stage: string, router: Settings = {}): Promise<Graph> {
  const config = filledConfig(stack);
  return programGraph(
    {
      ...config,
      stage,
      flags: { poolV2Enabled: true },
      router: { ...(config.router as Settings), ...router },
    },
    stack,
  );
}
