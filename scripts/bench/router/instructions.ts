import { execFile } from "node:child_process";
import { readFile, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Whether valgrind's callgrind is there to count instructions with. */
export async function canCountInstructions(): Promise<boolean> {
  return await run("valgrind", ["--version"]).then(
    () => true,
    () => false,
  );
}

/** Command line in front of a program whose instructions are to be counted; its counts go to the directory. */
export function countingCommand(directory: string): readonly string[] {
  return [
    "valgrind",
    "--quiet",
    "--tool=callgrind",
    `--callgrind-out-file=${countFile(directory)}`,
  ];
}

/**
 * Instructions that a program started by {@link countingCommand} executes in user mode, all threads together, while
 * `work` runs. Unlike CPU time they do not depend on what else the machine does.
 */
export async function countInstructions(
  pid: number,
  directory: string,
  work: () => Promise<void>,
): Promise<number> {
  await run("callgrind_control", ["--zero", String(pid)]);
  await work();
  await run("callgrind_control", ["--dump", String(pid)]);
  const dumps = (await readdir(directory)).filter((name) => /^counts\.\d+$/.test(name));
  const [dump = ""] = dumps;
  const total = parseTotal(await readFile(join(directory, dump), "utf8"));
  // The next dump is then again the only one.
  await Promise.all(dumps.map((name) => rm(join(directory, name))));
  return total;
}

/**
 * Total of a callgrind dump (https://valgrind.org/docs/manual/cl-format.html).
 *
 * @throws Error if the dump names none
 */
export function parseTotal(dump: string): number {
  const total = /^totals: (\d+)/m.exec(dump)?.[1];
  if (total === undefined) throw new Error("callgrind wrote no total.");
  return Number(total);
}

function countFile(directory: string): string {
  return join(directory, "counts");
}
