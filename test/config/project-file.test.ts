import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { z } from "zod";

import { configKeys } from "../../infra/config/keys.ts";
import { ConfigError } from "../../infra/config/messages.ts";
import { parseConfig } from "../../infra/config/parse.ts";
import { sections } from "../../infra/config/schema.ts";
import { projectName } from "../../infra/rollout/names.ts";
import { defaultText } from "../lib/reference-tables.ts";

const root = new URL("../../", import.meta.url);
const read = (name: string): unknown => parse(readFileSync(new URL(name, root), "utf8"));

const project = z
  .strictObject({
    name: z.string(),
    description: z.string(),
    main: z.string(),
    runtime: z.strictObject({
      name: z.literal("nodejs"),
      options: z.strictObject({ typescript: z.literal(false) }),
    }),
    config: z.record(
      z.string(),
      z.strictObject({
        type: z.enum(["string", "array", "object"]),
        items: z.strictObject({ type: z.literal("object") }).optional(),
        default: z.unknown(),
        description: z.string().min(1),
      }),
    ),
  })
  .parse(read("Pulumi.yaml"));

const stackFile = z.strictObject({ config: z.record(z.string(), z.unknown()) });
const stackConfig = (name: string): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(stackFile.parse(read(name)).config).map(([key, value]) => {
      expect(key.startsWith(`${projectName}:`)).toBe(true);
      return [key.slice(projectName.length + 1), value];
    }),
  );

const problemsOf = (raw: Record<string, unknown>, stack: string) => {
  try {
    parseConfig(raw, { stack, secretKeys: new Set(["router", "database"]) });
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(({ sentence }) => sentence);
    throw error;
  }
};

describe("Pulumi.yaml", () => {
  it("names the project as the program does, and its entry", () => {
    expect(project.name).toBe(projectName);
    expect(existsSync(fileURLToPath(new URL(project.main, root)))).toBe(true);
  });

  it("declares exactly the keys of the schema", () => {
    expect(Object.keys(project.config)).toEqual(Object.keys(sections));
  });

  it.each(Object.entries(project.config))(
    "declares %s with a type that the schema accepts",
    (name, { type, items }) => {
      const paths = configKeys.map(({ path }) => path).filter((path) => path.startsWith(name));
      const expected = paths.includes(name)
        ? "string"
        : paths.some((path) => path.startsWith(`${name}[]`))
          ? "array"
          : "object";
      expect(type).toBe(expected);
      expect(items !== undefined).toBe(expected === "array");
    },
  );

  it("declares the schema's defaults, and an empty map or list where a key has parts", () => {
    for (const [name, { type, default: value }] of Object.entries(project.config)) {
      const key = configKeys.find(({ path }) => path === name);
      expect(value).toEqual(key === undefined ? (type === "array" ? [] : {}) : key.defaultValue);
    }
  });

  it.each(configKeys.map((key) => [key.path, key] as const))(
    "describes %s with its default",
    (path, key) => {
      const [section = ""] = path.split(/[.[]/);
      const text = project.config[section]?.description ?? "";
      if (path === section) {
        expect(text).toBe(key.description);
        return;
      }
      const name = path
        .slice(section.length)
        .replace(/^(\[\])?\./, "")
        .replace(/\.\*$/, "");
      expect(text).toContain(name);
      if (section === "flags") expect(text).toContain("all false");
      else if (key.defaultValue !== undefined) {
        const inForce = defaultText(key, (value) => value).replaceAll(
          /[.*+?^${}()|[\]\\]/g,
          "\\$&",
        );
        const listed = name.replaceAll(/[.[\]]/g, "\\$&");
        expect(text).toMatch(new RegExp(`${listed} \\((?:[^)]*; )?${inForce}\\)`));
      }
    },
  );
});

describe("Pulumi.dev.yaml", () => {
  it("lacks nothing but the token, which is a secret of one's own", () => {
    const problems = problemsOf(stackConfig("Pulumi.dev.yaml"), "dev");
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain("pool-migration:router.agentToken is missing");
    expect(problemsOf({ ...stackConfig("Pulumi.dev.yaml"), stage: "p25" }, "dev")).toEqual(
      problems,
    );
  });
});

describe("Pulumi.prod.yaml", () => {
  const placeholders = [
    "v1.image",
    "v2.image",
    "images.router",
    "images.tools",
    "database.host",
    "database.admin.user",
  ];

  it.each(placeholders)("is refused while %s holds its placeholder", (path) => {
    const problems = problemsOf(stackConfig("Pulumi.prod.yaml"), "prod");
    expect(
      problems.some((text) =>
        text.startsWith(`pool-migration:${path} is still the placeholder "<`),
      ),
    ).toBe(true);
  });

  it("lacks nothing but those and two secrets, and is of the production profile", () => {
    expect(problemsOf(stackConfig("Pulumi.prod.yaml"), "prod")).toHaveLength(
      placeholders.length + 2,
    );
    const filled = JSON.parse(
      JSON.stringify(stackConfig("Pulumi.prod.yaml"))
        .replaceAll(/<[a-z0-9]+-image>/g, "registry.example.com/image:1.0.0")
        .replaceAll(/<[a-z-]+>/g, "postgres"),
    ) as Record<string, Record<string, object>>;
    Object.assign(filled.router ?? {}, { agentToken: "x".repeat(64) });
    Object.assign(filled.database?.admin ?? {}, { password: "x" });
    const config = parseConfig(filled, {
      stack: "prod",
      secretKeys: new Set(["router", "database"]),
    });
    expect(config).toMatchObject({ profile: "production", percentage: 0 });
  });
});
