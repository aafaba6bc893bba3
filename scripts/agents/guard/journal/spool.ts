import {
  appendFileSync,
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import type { JournalEntry } from "../../../../infra/rollout/journal-entry.ts";

/** Bytes that are read at once. */
const chunkBytes = 256 * 1024;

const newline = 0x0a;

/** Length of a position in its file: always the same, so that a full disk does not keep it from being written. */
const positionBytes = 16;

interface Line {
  /** Bytes before it and up to its end, newline included. */
  readonly begin: number;
  readonly end: number;
  readonly text: Buffer;
}

/** How much to take at once. */
export interface BatchLimits {
  readonly entries: number;
  /** At least one entry is taken, however large. */
  readonly bytes: number;
}

/**
 * Entries on disk that wait to be handed on, in order, a line each. They survive the process, and each is handed on at least once. What a process that was killed wrote in part is dropped.
 */
export class Spool {
  private readonly path: string;
  private readonly bound: number;
  private readonly file: number;
  private readonly positionFile: number;
  private size: number;
  /** Bytes that are handed on. */
  private position: number;
  private count = 0;
  /** What was taken and is not yet handed on. */
  private taken = { end: 0, lines: 0 };

  /**
   * Opens the spool in a directory, which is made where it is missing.
   *
   * @param bound largest size of its file, bytes
   * @throws Error of the file system
   */
  constructor(directory: string, bound: number) {
    mkdirSync(directory, { recursive: true });
    this.path = join(directory, "entries");
    this.bound = bound;
    this.file = openSync(this.path, "a+", 0o600);
    this.size = fstatSync(this.file).size;
    this.positionFile = openSync(
      join(directory, "handed-on"),
      constants.O_RDWR | constants.O_CREAT,
      0o600,
    );
    this.position = this.readPosition();
    let end = this.position;
    for (const line of this.lines(this.position)) {
      this.count += 1;
      end = line.end;
    }
    this.truncate(end);
    this.writePosition(this.position);
  }

  /** Number of entries that are not handed on. */
  get waiting(): number {
    return this.count;
  }

  /**
   * Appends an entry.
   *
   * @throws Error when the bound is reached, or the file system refuses; nothing is appended then
   */
  append(entry: JournalEntry): void {
    const json = Buffer.from(JSON.stringify(entry));
    const length = json.length + 1;
    if (this.size + length > this.bound) {
      throw new Error(
        `${this.path} has ${String(this.size)} bytes of at most ${String(this.bound)}; ` +
          "nothing is added before the database has taken them",
      );
    }
    try {
      // One after the other: put together, an entry of many megabytes would be in memory once more.
      for (const part of [json, "\n"]) appendFileSync(this.file, part);
    } catch (error) {
      // A part of a line would spoil the next one.
      ftruncateSync(this.file, this.size);
      throw error;
    }
    this.size += length;
    this.count += 1;
  }

  /**
   * Takes the next entries without removing them. Lines that are none are left out.
   *
   * @returns nothing where none waits
   */
  take({ entries, bytes }: BatchLimits): JournalEntry[] {
    const taken: JournalEntry[] = [];
    this.taken = { end: this.position, lines: 0 };
    for (const { text, end } of this.lines(this.position)) {
      const entry = entryOf(text);
      if (entry !== undefined) taken.push(entry);
      this.taken = { end, lines: this.taken.lines + 1 };
      if (this.taken.lines >= entries || end - this.position >= bytes) break;
    }
    return taken;
  }

  /**
   * Remembers that what was taken last is handed on.
   *
   * @throws Error of the file system; the entries are then handed on once more
   */
  handOn(): void {
    const { end, lines } = this.taken;
    if (end < this.size) this.writePosition(end);
    else {
      // In this order: whoever dies in between hands on once more what the file still has.
      this.writePosition(0);
      this.truncate(0);
    }
    this.count -= lines;
    this.taken = { end: this.position, lines: 0 };
  }

  /** Closes its files. */
  close(): void {
    closeSync(this.file);
    closeSync(this.positionFile);
  }

  /** Whole lines from a position on. A line of many megabytes is put together once, not with each chunk. */
  private *lines(from: number): Generator<Line> {
    let parts: Buffer[] = [];
    let begin = from;
    for (let at = from; at < this.size;) {
      const chunk = Buffer.allocUnsafe(Math.min(chunkBytes, this.size - at));
      const length = readSync(this.file, chunk, 0, chunk.length, at);
      if (length === 0) return;
      at += length;
      let rest = chunk.subarray(0, length);
      for (let lineEnd; (lineEnd = rest.indexOf(newline)) !== -1;) {
        const text = Buffer.concat([...parts, rest.subarray(0, lineEnd)]);
        const end = begin + text.length + 1;
        yield { begin, end, text };
        parts = [];
        begin = end;
        rest = rest.subarray(lineEnd + 1);
      }
      parts.push(rest);
    }
  }

  private truncate(size: number): void {
    if (size === this.size) return;
    ftruncateSync(this.file, size);
    this.size = size;
    this.position = Math.min(this.position, size);
  }

  private readPosition(): number {
    const text = Buffer.alloc(positionBytes);
    const length = readSync(this.positionFile, text, 0, positionBytes, 0);
    const position = Number(text.toString("latin1", 0, length));
    // One that cannot be is no reason to leave entries out: recording them again has no effect.
    return Number.isSafeInteger(position) && position >= 0 && position <= this.size ? position : 0;
  }

  private writePosition(position: number): void {
    writeSync(this.positionFile, String(position).padStart(positionBytes), 0, "latin1");
    this.position = position;
  }
}

function entryOf(line: Buffer): JournalEntry | undefined {
  try {
    return JSON.parse(line.toString("utf8")) as JournalEntry;
  } catch {
    return undefined;
  }
}
