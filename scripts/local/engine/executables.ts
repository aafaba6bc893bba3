import { chmod, copyFile, link, mkdir, readdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** Marks a directory of the engine's plugins that holds a stand-in. */
export const standInMark = "STAND-IN";

/** Writes a program that runs a TypeScript file of this project with the Node that runs now. */
export async function writeExecutable(path: string, script: string): Promise<void> {
  const quoted = [process.execPath, script].map((part) => `'${part.replaceAll("'", "'\\''")}'`);
  const temporary = `${path}.${String(process.pid)}`;
  await writeFile(temporary, `#!/bin/sh\nexec ${quoted.join(" ")} "$@"\n`);
  await chmod(temporary, 0o755);
  await rename(temporary, path);
}

/** Gives a file a second name; where that is impossible (another file system) a copy. What is there is replaced. */
export async function linkFile(from: string, to: string): Promise<void> {
  const temporary = `${to}.${String(process.pid)}`;
  await rm(temporary, { force: true });
  await link(from, temporary).catch(() => copyFile(from, temporary));
  await rename(temporary, to);
  // Renaming onto another name of the same file does nothing and leaves both (rename(2)).
  await rm(temporary, { force: true });
}

/** Gives the files of a directory whose names begin with `prefix` second names in another one. */
export async function linkFiles(from: string, to: string, prefix = ""): Promise<void> {
  await mkdir(to, { recursive: true });
  const entries = await readdir(from, { withFileTypes: true });
  for (const { name } of entries.filter((each) => each.isFile() && each.name.startsWith(prefix))) {
    await linkFile(join(from, name), join(to, name));
  }
}
