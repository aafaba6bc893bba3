import { closeSync, fstatSync, openSync, readSync, renameSync, rmSync, statSync } from "node:fs";

/** First byte of a log that was not consumed yet. Inode 0: none was. */
export interface LogCursor {
  inode: number;
  offset: number;
}

/** What a reader needs to know of its surroundings. */
export interface LogReaderOptions {
  readonly path: string;
  /** Kept up to date: always the begin of a line, all lines before it were handed on. */
  readonly cursor: LogCursor;
  readonly onLine: (line: string) => void;
  /** Size at which the log is rotated, bytes. */
  readonly rotateBytes: number;
  /** Makes the writer open the log by name again. */
  readonly reopen: () => Promise<void>;
  /** Stores the cursor; called before a log that was read to its end is deleted. */
  readonly onFinished: () => void;
}

/** Longest line; what is longer counts as one line that cannot be read. Bytes. */
const bufferBytes = 1024 * 1024;

/** Handed on in place of a line that is longer than the buffer. */
const tooLong = "";

const newline = 0x0a;

/** Pause before the writer is asked again to open the log by name. Milliseconds. */
const reopenPause = 1_000;

/**
 * Reads a log that another process appends to, and rotates it: rename, ask the writer to open the name again, read
 * the renamed file to its end once the new one exists, delete it. No line is lost or read twice, also over a restart
 * of either process.
 */
export class LogReader {
  private readonly options: LogReaderOptions;
  private readonly rotatedPath: string;
  private readonly buffer = Buffer.allocUnsafe(bufferBytes);
  /** Bytes in the buffer that belong to a line whose end was not read yet. */
  private filled = 0;
  private skipping = false;
  private descriptor: number | undefined;
  private inode = 0;
  private position = 0;
  private askedAt = 0;

  constructor(options: LogReaderOptions) {
    this.options = options;
    this.rotatedPath = `${options.path}.rotated`;
  }

  /**
   * Reads what is there, at most about a MiB.
   *
   * @returns whether the end was reached
   */
  async poll(): Promise<boolean> {
    if (this.descriptor === undefined && !this.open()) return true;
    // Asked before the read: once the new file is there, nothing more comes into this one.
    const current = inodeOf(this.options.path);
    if (!this.readOnce()) return false;
    if (current === undefined) {
      await this.requestReopen();
      return true;
    }
    if (current !== this.inode) {
      this.finish();
      return false;
    }
    if (this.position >= this.options.rotateBytes) await this.rotate();
    return true;
  }

  close(): void {
    if (this.descriptor !== undefined) closeSync(this.descriptor);
    this.descriptor = undefined;
  }

  /** Opens the file that the cursor names, or the oldest there is. */
  private open(): boolean {
    const { path, cursor, onFinished } = this.options;
    const rotated = inodeOf(this.rotatedPath);
    const current = inodeOf(path);
    if (rotated !== undefined && cursor.inode === current) {
      // An earlier process had read the rotated file to its end, and was stopped before it deleted it.
      rmSync(this.rotatedPath, { force: true });
    }
    const next = rotated !== undefined && cursor.inode !== current ? this.rotatedPath : path;
    try {
      this.descriptor = openSync(next, "r");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
      throw error;
    }
    this.inode = fstatSync(this.descriptor).ino;
    if (cursor.inode !== this.inode) {
      cursor.inode = this.inode;
      cursor.offset = 0;
      onFinished();
    }
    this.position = cursor.offset;
    this.filled = 0;
    this.skipping = false;
    return true;
  }

  /** Reads one buffer. @returns whether the end of the file was reached */
  private readOnce(): boolean {
    const { buffer } = this;
    const wanted = buffer.length - this.filled;
    const count = readSync(this.descriptor ?? -1, buffer, this.filled, wanted, this.position);
    this.position += count;
    this.handOn(this.filled + count);
    return count < wanted;
  }

  /** Hands on the whole lines among the first bytes of the buffer and keeps the rest. */
  private handOn(length: number): void {
    const { options } = this;
    const buffer = this.buffer.subarray(0, length);
    let begin = 0;
    for (;;) {
      const end = buffer.indexOf(newline, begin);
      if (end === -1) break;
      if (this.skipping) this.skipping = false;
      else options.onLine(buffer.toString("utf8", begin, end));
      begin = end + 1;
    }
    buffer.copyWithin(0, begin, length);
    this.filled = length - begin;
    if (this.filled === bufferBytes) {
      if (!this.skipping) options.onLine(tooLong);
      this.skipping = true;
      this.filled = 0;
    }
    if (!this.skipping) options.cursor.offset = this.position - this.filled;
  }

  private async rotate(): Promise<void> {
    renameSync(this.options.path, this.rotatedPath);
    this.askedAt = 0;
    await this.requestReopen();
  }

  private async requestReopen(): Promise<void> {
    if (Date.now() - this.askedAt < reopenPause) return;
    this.askedAt = Date.now();
    // Envoy may be away; it opens the log by name when it starts again.
    await this.options.reopen().catch(() => undefined);
  }

  /** This file was read to its end: the next one begins. */
  private finish(): void {
    const { cursor, onFinished, onLine } = this.options;
    // The writer died within a line: nothing will end it.
    if (this.filled > 0 && !this.skipping) onLine(tooLong);
    this.close();
    cursor.inode = inodeOf(this.options.path) ?? 0;
    cursor.offset = 0;
    onFinished();
    rmSync(this.rotatedPath, { force: true });
  }
}

function inodeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.ino;
}
