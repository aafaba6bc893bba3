import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { runCommand } from "../run-command.ts";
import type { LayerFile } from "./layer.ts";

/**
 * Paths of the shared libraries and the loader in `ldd`'s output (ldd(1)); each line is
 * `name => path (address)` or, for the loader, `path (address)`.
 */
export function parseLibraries(output: string): string[] {
  const paths = output
    .split("\n")
    .map((line) => /(?:=>\s+)?(\/\S+)\s+\(0x[0-9a-f]+\)/.exec(line)?.[1]);
  return paths.filter((path) => path !== undefined);
}

/** Libraries that the C library loads by itself to look up names; newer ones have them built in. */
const nameServiceLibraries = ["libnss_files.so.2", "libnss_dns.so.2", "libresolv.so.2"];

/**
 * A program of this machine with the libraries it needs, at the paths its loader expects them:
 * an image needs no distribution for it to run.
 */
export async function binaryFiles(source: string, path: string): Promise<LayerFile[]> {
  let output = "";
  try {
    output = await runCommand("ldd", [source]);
  } catch {
    // a static program, for which ldd exits with 1, needs nothing else
  }
  const libraries = new Set(parseLibraries(output));
  const cLibrary = [...libraries].find((library) => library.endsWith("/libc.so.6"));
  if (cLibrary !== undefined) {
    for (const name of nameServiceLibraries) {
      const library = join(dirname(cLibrary), name);
      if (existsSync(library)) libraries.add(library);
    }
  }
  return [
    { path, source },
    ...[...libraries].map((library) => ({ path: library, source: library })),
  ];
}
