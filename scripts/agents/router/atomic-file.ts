import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, writeSync } from "node:fs";
import { dirname } from "node:path";

/** How a file is written. */
export interface WriteOptions {
  /** Whether the content must outlive a crash of the machine (fsync). Default false: a crash of the process. */
  readonly durable?: boolean;
}

/**
 * Replaces a file in one step: readers see the old content or the new one, never a part. The new content is written
 * beside the target: of what happens in a watched directory, Envoy reacts to renames into it alone.
 */
export function replaceFile(path: string, content: string, options: WriteOptions = {}): void {
  const directory = dirname(path);
  mkdirSync(directory, { recursive: true });
  const temporary = `${path}.${process.pid}.tmp`;
  const descriptor = openSync(temporary, "w", 0o600);
  try {
    writeSync(descriptor, content);
    if (options.durable) fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(temporary, path);
  if (options.durable) syncDirectory(directory);
}

/** The rename itself is on the disk only after this. */
function syncDirectory(directory: string): void {
  const descriptor = openSync(directory, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
