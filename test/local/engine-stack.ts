import { spawn, type ChildProcess, type SpawnOptions } from "node:child_process";
import { once } from "node:events";
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { engineVariables, prepareEngine } from "../../scripts/local/engine.ts";
import type { EngineInventory } from "../../scripts/local/engine.ts";
import { projectRoot } from "../../scripts/local/paths.ts";
import { silentProgress } from "../../scripts/local/progress.ts";
import { ensurePulumi } from "../../scripts/local/tools/pulumi.ts";

/** How a command of the engine ended. */
export interface Ended {
  code: number | null;
  output: string;
}

/** A stack of its own in a temporary directory, worked on by the real engine's command line. */
export interface EngineStack {
  readonly directory: string;
  /** Replaces the program. */
  write(program: string): void;
  /** Runs `pulumi …` to its end. */
  run(...args: string[]): Promise<Ended>;
  /** Starts `pulumi …`. */
  start(...args: string[]): ChildProcess;
  remove(): void;
}

/** A stack on an engine that nobody else uses. */
export interface OwnEngineStack extends EngineStack {
  readonly inventory: EngineInventory;
  /** Everything the engine stored about the stack: state, history, backups. */
  storedTexts(): string[];
}

/** A stack `test` on an engine of its own, prepared for the occasion. */
export async function createEngineStack(): Promise<OwnEngineStack> {
  const stateDirectory = mkdtempSync(join(tmpdir(), "pool-migration-engine-"));
  const place = { stateDirectory };
  const inventory = await prepareEngine(place, await ensurePulumi(silentProgress), silentProgress);
  const passphraseFile = join(stateDirectory, "passphrase");
  writeFileSync(passphraseFile, "only for this test");
  const env = { ...process.env, ...engineVariables({ ...place, passphraseFile }) };
  const stack = await createStack((args, options) => spawn("pulumi", args, { ...options, env }));
  return {
    ...stack,
    inventory,
    storedTexts: () => filesIn(join(stateDirectory, "engine", "backend")),
    remove: () => {
      stack.remove();
      rmSync(stateDirectory, { recursive: true });
    },
  };
}

/** A stack `test` whose commands are started by `launch`. */
export async function createStack(
  launch: (args: string[], options: SpawnOptions) => ChildProcess,
): Promise<EngineStack> {
  const directory = mkdtempSync(join(tmpdir(), "pool-migration-stack-"));
  writeFileSync(join(directory, "package.json"), JSON.stringify({ type: "module" }));
  writeFileSync(
    join(directory, "Pulumi.yaml"),
    "name: engine-test\nmain: index.ts\nruntime: {name: nodejs, options: {typescript: false}}\n",
  );
  symlinkSync(join(projectRoot, "node_modules"), join(directory, "node_modules"));

  const start = (...args: string[]) =>
    launch([...args, "--non-interactive"], { cwd: directory, stdio: ["ignore", "pipe", "pipe"] });
  const run = (...args: string[]) => endOf(start(...args));
  const { code, output } = await run("stack", "init", "test");
  if (code !== 0) throw new Error(output);
  return {
    directory,
    write: (program) => {
      writeFileSync(join(directory, "index.ts"), program);
    },
    run,
    start,
    remove: () => {
      rmSync(directory, { recursive: true });
    },
  };
}

function filesIn(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), "utf8"));
}

/** Waits for a command and collects what it writes. */
export async function endOf(child: ChildProcess): Promise<Ended> {
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (text: string) => (output += text));
  }
  const [code] = (await once(child, "close")) as [number | null];
  return { code, output };
}
