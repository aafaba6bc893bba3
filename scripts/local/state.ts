import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { passwordFile, postgresAdmin, postgresSuperuser } from "./components/postgres.ts";
import { nodeAddress } from "./namespaces.ts";
import { environmentDirectory } from "./paths.ts";
import { createCredentials } from "./pki.ts";
import type { ProcessIdentity } from "./processes.ts";
import type { Tools } from "./tools/all.ts";

/** What is known of an environment once its namespaces are there. */
export interface EnvironmentRecord {
  readonly init: ProcessIdentity;
  readonly tools: Tools;
  /** Reference of the image of the container that holds a pod's namespaces. */
  readonly sandboxImage: string;
}

/** Path of the cluster administrator's kubeconfig. */
export function kubeconfigFile(stateDirectory: string): string {
  return join(stateDirectory, "kubeconfig.json");
}

/** Path of the passphrase that protects secrets in the engine's state and in stack files. */
export function passphraseFile(stateDirectory: string): string {
  return join(stateDirectory, "pulumi-passphrase");
}

function recordFile(name: string): string {
  return join(environmentDirectory(name), "environment.json");
}

async function writeWhole(file: string, text: string): Promise<void> {
  await writeFile(`${file}.new`, text);
  await rename(`${file}.new`, file);
}

/** Stores the record; a reader sees the old one or the new one. */
export async function writeRecord(name: string, record: EnvironmentRecord): Promise<void> {
  await writeWhole(recordFile(name), JSON.stringify(record, undefined, 2));
}

/** The record of an environment that was started and not stopped; it may have died since. */
export function readRecord(name: string): EnvironmentRecord | undefined {
  const file = recordFile(name);
  if (!existsSync(file)) return undefined;
  return JSON.parse(readFileSync(file, "utf8")) as EnvironmentRecord;
}

/** Stores which image references were imported last, by what the images are for. */
export async function writeImageReferences(
  stateDirectory: string,
  references: Readonly<Record<string, string>>,
): Promise<void> {
  await writeWhole(join(stateDirectory, "images.json"), JSON.stringify(references, undefined, 2));
}

/** What {@link writeImageReferences} stored; empty before that. */
export function readImageReferences(stateDirectory: string): Record<string, string> {
  const file = join(stateDirectory, "images.json");
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Record<string, string>) : {};
}

/** Fills an environment's state directory with credentials and what its namespaces are shown. */
export async function createState(stateDirectory: string): Promise<void> {
  await mkdir(join(stateDirectory, "logs"), { recursive: true });
  await writeFile(join(stateDirectory, "resolv.conf"), `nameserver ${nodeAddress}\n`);
  const secrets = [postgresAdmin, postgresSuperuser].map((role) =>
    passwordFile(stateDirectory, role),
  );
  for (const file of [...secrets, passphraseFile(stateDirectory)]) {
    await writeFile(file, randomBytes(24).toString("hex"), { mode: 0o600 });
  }
  await createCredentials(join(stateDirectory, "pki"), kubeconfigFile(stateDirectory));
}
