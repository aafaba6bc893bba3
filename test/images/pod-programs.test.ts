import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { buildImages } from "../../scripts/local/images.ts";
import { exampleGraph } from "../components/example-stack.ts";

interface PodSpec {
  readonly containers: readonly Container[];
  readonly initContainers?: readonly Container[];
}

interface Container {
  readonly image: string;
}

const graph = await exampleGraph("p25");
const images = await buildImages();

/** Programs that the stack's pods start from an image of this project, each by its path in the image. */
function programsOf(image: "router" | "tools"): string[] {
  const containers = graph.resources.flatMap(({ inputs }) => {
    const { spec } = inputs as { spec?: { template?: { spec?: PodSpec } } };
    const pod = spec?.template?.spec;
    return [...(pod?.containers ?? []), ...(pod?.initContainers ?? [])];
  });
  const started = containers
    .filter((container) => container.image === `registry.test/${image}:1`)
    .flatMap((container) => JSON.stringify(container).match(/\/app\/[\w/-]+\.ts/g) ?? []);
  return [...new Set(started)].sort();
}

describe("the image that the local environment makes of", () => {
  it.each([
    { image: "router", names: ["drain", "router-agent"] },
    { image: "tools", names: ["guard", "migrate"] },
  ] as const)("$image holds what pods are started with: $names", ({ image, names }) => {
    const programs = programsOf(image);
    expect(programs).toEqual(names.map((name) => `/app/scripts/agents/${name}.ts`));
    const files = images[image].layers.flatMap(({ archive }) =>
      execFileSync("tar", ["--list", "--file", archive], { encoding: "utf8", maxBuffer: 2 ** 26 })
        .split("\n")
        .map((path) => path.replace(/^\./, "")),
    );
    expect(programs.filter((path) => !files.includes(path))).toEqual([]);
  });
});
