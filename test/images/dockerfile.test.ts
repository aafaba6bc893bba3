import { readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { describe, expect, it } from "vitest";
import { buildImages } from "../../scripts/local/images.ts";
import { traceProgram } from "../../scripts/local/images/imports.ts";
import { projectRoot } from "../../scripts/local/paths.ts";
import { envoyVersion } from "../../scripts/local/tools/envoy.ts";
import { instructionsOf, parseStages } from "./dockerfile-stages.ts";

const read = (path: string) => readFileSync(join(projectRoot, path), "utf8");
const dockerfile = read("infra/images/Dockerfile");
const manifest = JSON.parse(read("package.json")) as {
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
};

const entryPoints = ["router-agent", "drain", "guard", "migrate"].map(
  (name) => `scripts/agents/${name}.ts`,
);
const program = await traceProgram(entryPoints.map((path) => join(projectRoot, path)));

const stages = parseStages(dockerfile);
const bases = [...stages.values()].map(({ base }) => base);
const sources = [...dockerfile.matchAll(/--from=(\S+)/g)].map(([, source]) => source ?? "");

describe("Dockerfile of the images", () => {
  it.each(["router", "tools"] as const)(
    "makes the %s image that the local environment makes: command, user, directory, variables",
    async (target) => {
      const { config } = JSON.parse((await buildImages())[target].configuration) as {
        config: { User: string; Entrypoint: string[]; WorkingDir: string; Env: string[] };
      };
      const instructions = instructionsOf(stages, target);
      const last = (name: string) => instructions.findLast((it) => it.name === name)?.text ?? "";
      expect(JSON.parse(last("ENTRYPOINT"))).toEqual(config.Entrypoint);
      expect(last("USER")).toBe(config.User);
      expect(last("USER")).toMatch(/^[1-9]\d*:[1-9]\d*$/);
      expect(last("WORKDIR")).toBe(config.WorkingDir);
      // PATH is the base image's own.
      const variables = config.Env.filter((variable) => !variable.startsWith("PATH="));
      expect(last("ENV").split(" ").sort()).toEqual(variables.sort());
      expect(instructions.map(({ name }) => name)).not.toContain("CMD");
    },
  );

  it("starts from images with a tag of their own, runs nothing in the last stages, and needs no shell there", () => {
    const images = [...bases, ...sources].filter((name) => !stages.has(name));
    expect(images.length).toBeGreaterThanOrEqual(3);
    for (const image of images) expect(image).toMatch(/^[\w./-]+:(?!latest$)[\w.-]+$/);
    const final = ["router", "tools"].flatMap((target) => instructionsOf(stages, target));
    expect(final.filter(({ name }) => name === "RUN" || name === "SHELL")).toEqual([]);
  });

  it("copies every file that the agents import", () => {
    // Each at the place that it has in the project, below /app.
    const copied = [...dockerfile.matchAll(/^COPY ([a-z]+\/[a-z/]+) \/app\/\1\/$/gm)].map(
      ([, path]) => path,
    );
    const files = [...program.sources].map((path) => relative(projectRoot, path));
    expect(files).toContain("scripts/agents/router-agent.ts");
    expect(files.length).toBeGreaterThan(10);
    const missing = files.filter(
      (path) => !copied.some((prefix) => path.startsWith(`${prefix ?? ""}/`)),
    );
    expect(missing).toEqual([]);
  });

  it("lets everything through to the build that it copies", () => {
    const ignored = read("infra/images/Dockerfile.dockerignore").split("\n");
    const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, paths]) =>
      (paths ?? "").split(" "),
    );
    expect(copied).toContain("package-lock.json");
    expect(copied.filter((path) => !ignored.includes(`!${path}`))).toEqual([]);
  });

  it("installs the packages that the agents import, and removes none of them", () => {
    const imported = [...program.packages].map((path) =>
      relative(join(projectRoot, "node_modules"), path),
    );
    expect(imported).toContain("zod");
    const development = imported.filter((name) => name in manifest.devDependencies);
    expect(development.filter((name) => !(name in manifest.dependencies))).toEqual([]);
    expect(imported.filter((name) => name.startsWith("@pulumi/"))).toEqual([]);
  });

  it("has the Node and the Envoy that the tests run with", () => {
    expect(dockerfile).toContain(`FROM node:${manifest.devDependencies["node"] ?? ""}-`);
    expect(dockerfile).toContain(`envoyproxy/envoy:v${envoyVersion} `);
  });
});
