import { existsSync } from "node:fs";
import { join } from "node:path";

/** Directories of administrators' programs, which an ordinary PATH may lack. */
const systemDirectories = [
  "/usr/local/sbin",
  "/usr/sbin",
  "/sbin",
  "/usr/local/bin",
  "/usr/bin",
  "/bin",
];

/** PATH with the directories of administrators' programs behind it. */
export function completePath(): string {
  return [process.env["PATH"], ...systemDirectories].filter(Boolean).join(":");
}

/**
 * The path of a program of this machine.
 *
 * @throws if it is not installed.
 */
export function findProgram(name: string): string {
  const candidates = completePath()
    .split(":")
    .map((directory) => join(directory, name));
  const found = candidates.find((path) => existsSync(path));
  if (found === undefined) throw new Error(`The program ${name} was not found on PATH.`);
  return found;
}
