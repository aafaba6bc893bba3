import { cpSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { projectRoot } from "../local/paths.ts";

/** What a stack's program and its verbs consist of. */
const parts = ["package.json", "Pulumi.yaml", "tsconfig.json", "infra", "scripts"] as const;

/**
 * Copies the work directory, without the configuration of any stack, to a temporary place: whatever a
 * rehearsal sets, it sets there.
 * @returns the copy's directory
 */
export function copyWorkDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "pool-migration-rehearsal-"));
  for (const part of parts) {
    cpSync(join(projectRoot, part), join(directory, part), { recursive: true });
  }
  symlinkSync(join(projectRoot, "node_modules"), join(directory, "node_modules"));
  return directory;
}

/** Removes the copy. */
export function removeWorkDirectory(directory: string): void {
  rmSync(directory, { recursive: true, force: true });
}
