import { readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { projectRoot } from "../paths.ts";
import { traceProgram } from "./imports.ts";
import type { LayerFile } from "./layer.ts";

/** Where the project lies in the images. */
const applicationDirectory = "/app";

/** Files of packages that nothing reads at run time. */
const needless = /\.(map|md|d\.[cm]?ts)$|\/(LICENSE|CHANGELOG)[^/]*$/i;

/** Regular files below a directory, without those of nested `node_modules`. */
function filesBelow(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) return entry.name === "node_modules" ? [] : filesBelow(path);
    return entry.isFile() ? [path] : [];
  });
}

function inApplication(source: string): LayerFile {
  return { path: join(applicationDirectory, relative(projectRoot, source)), source };
}

/**
 * The two layers of a program: the packages, which seldom change, and the project's own files.
 *
 * @param entryPoints the programs' first files, relative to the project's root.
 * @param directories what they read besides, relative to the project's root.
 */
export async function applicationFiles(
  entryPoints: readonly string[],
  directories: readonly string[] = [],
): Promise<{ packages: LayerFile[]; sources: LayerFile[] }> {
  const program = await traceProgram(entryPoints.map((path) => join(projectRoot, path)));
  const packageFiles = [...program.packages].flatMap(filesBelow);
  const data = directories.flatMap((directory) => filesBelow(join(projectRoot, directory)));
  // The project's own package.json tells Node that these files are modules; that is all it is for here.
  const manifest = { path: `${applicationDirectory}/package.json`, text: '{ "type": "module" }\n' };
  return {
    packages: packageFiles.filter((path) => !needless.test(path)).map(inApplication),
    sources: [manifest, ...[...new Set([...program.sources, ...data])].map(inApplication)],
  };
}
