import { readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { describe, expect, it } from "vitest";
import { traceProgram } from "../../scripts/local/images/imports.ts";
import { projectRoot } from "../../scripts/local/paths.ts";
import { envoyVersion } from "../../scripts/local/tools/envoy.ts";

const read = (path: string) => readFileSync(join(projectRoot, path), "utf8");
const dockerfile = read("infra/images/Dockerfile");
const manifest = JSON.parse(read("package.json")) as {
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
};

const entryPoints = ["router-agent", "drain", "migrate"].map((name) => `scripts/agents/${name}.ts`);
const program = await traceProgram(entryPoints.map((path) => join(projectRoot, path)));

describe("Dockerfile of the images", () => {
  it("copies every file that the agents import", () => {
    const copied = [...dockerfile.matchAll(/^COPY ([a-z]+\/[a-z/]+) /gm)].map(([, path]) => path);
    const sources = [...program.sources].map((path) => relative(projectRoot, path));
    expect(sources).toContain("scripts/agents/router-agent.ts");
    expect(sources.length).toBeGreaterThan(10);
    const missing = sources.filter(
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
