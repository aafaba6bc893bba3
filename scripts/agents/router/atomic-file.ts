import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** How a file is written. */
export interface WriteOptions {
  /** Whether the content must outlive a crash of the machine (fsync). Default false: a crash of the process. */
  readonly durable?: boolean;
}

/**
 * Replaces a file in one step: readers see the old content or the new one, never a part. The new content is written
 * beside it under another name; Envoy, which watches some of the directories, reacts to renames alone.
 */
export function replaceFile(path: string, content: string, options: WriteOptions = {}): void {
  const directory = dirname(path);
  mkdirSync(directory, { recursive: true });
  const temporary = `${path}.new`;
  const descriptor = openSync(temporary, "w", 0o600);
  try {
    writeFileSync(descriptor, content);
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
