import { createInterface } from "node:readline";
import type { Environment } from "../../../scripts/local/environment.ts";

/** A block of shell commands of a page. */
export interface PageBlock {
  /** `values`: what readers replace by their own; `unverified`: what no test can run. */
  readonly kind: "run" | "values" | "unverified";
  /** What an unverified block is called; empty for others. */
  readonly name: string;
  readonly text: string;
}

/** The fenced `sh` blocks of a Markdown page, with what the comment before a block says about it. */
export function pageBlocks(markdown: string): PageBlock[] {
  const fenced = /(?:<!-- (values|not verified): ([^>]*?) -->\n\n)?```sh\n([\s\S]*?)```\n/g;
  return [...markdown.matchAll(fenced)].map(([, mark, name = "", text = ""]) => {
    if (mark === undefined) return { kind: "run", name: "", text };
    return mark === "values"
      ? { kind: "values", name: "", text }
      : { kind: "unverified", name, text };
  });
}

/**
 * Runs a page's blocks one after the other in one shell inside the environment, as a reader would who copies them,
 * and stops at the first command that fails.
 *
 * @returns output of each block that was run, by its text
 * @throws Error with the block that failed and the end of its output
 */
export async function runPage(
  environment: Environment,
  blocks: readonly PageBlock[],
  place: { readonly values: string; readonly directory: string; readonly home: string },
): Promise<Map<string, string>> {
  const parts = blocks
    .filter(({ kind }) => kind !== "unverified")
    .map(({ kind, text }) => (kind === "values" ? place.values : text));
  const mark = "-- end of block --";
  const script = parts.map((text) => `${text}\necho '${mark}'\n`).join("");
  const child = environment.spawnInside("bash", ["-euo", "pipefail", "-c", script], {
    cwd: place.directory,
    env: { ...process.env, HOME: place.home, npm_config_loglevel: "error" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const outputs: string[][] = [[]];
  for (const stream of [child.stdout, child.stderr]) {
    if (!stream) continue;
    createInterface({ input: stream }).on("line", (line) => {
      if (line === mark) outputs.push([]);
      else outputs.at(-1)?.push(line);
    });
  }
  const code = await new Promise<number>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (exitCode) => resolve(exitCode ?? 1));
  });
  if (code !== 0) {
    const failed = parts[outputs.length - 1] ?? "";
    const said = (outputs.at(-1) ?? []).slice(-40).join("\n");
    throw new Error(`ended with ${String(code)}:\n${failed}\n${said}`);
  }
  return new Map(parts.map((text, index) => [text, outputs[index]?.join("\n") ?? ""]));
}
