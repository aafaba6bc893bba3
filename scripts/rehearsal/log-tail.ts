import { closeSync, fstatSync, openSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import { StringDecoder } from "node:string_decoder";

interface OpenFile {
  readonly descriptor: number;
  readonly decoder: StringDecoder;
  /** Characters behind the last newline. */
  rest: string;
  /** Reads in a row that found nothing, while another file has the name. */
  idleReads: number;
}

const chunk = Buffer.alloc(256 * 1024);

/** A renamed file may still be written to until the writer opens the name again. */
const idleReadsBeforeClosing = 25;

/**
 * Reads the lines that are appended to a log which others rotate: files stay open until nothing has
 * come for a while after the name went to another file, so that neither a rename nor a deletion
 * loses a line. It must be read more often than the log is rotated.
 */
export class LogTail {
  readonly #path: string;
  readonly #files = new Map<number, OpenFile>();

  constructor(directory: string, name: string) {
    this.#path = join(directory, name);
  }

  /** The complete lines that came since the last read. */
  read(): string[] {
    const current = this.#openCurrent();
    const lines: string[] = [];
    for (const [inode, file] of this.#files) {
      const before = lines.length;
      readLines(file, lines);
      file.idleReads = inode === current || lines.length > before ? 0 : file.idleReads + 1;
      if (file.idleReads > idleReadsBeforeClosing) this.#close(inode);
    }
    return lines;
  }

  /** Closes all files. */
  close(): void {
    for (const inode of this.#files.keys()) this.#close(inode);
  }

  #openCurrent(): number | undefined {
    const inode = statSync(this.#path, { throwIfNoEntry: false })?.ino;
    if (inode === undefined || this.#files.has(inode)) return inode;
    try {
      const descriptor = openSync(this.#path, "r");
      const opened = fstatSync(descriptor).ino;
      this.#files.set(opened, {
        descriptor,
        decoder: new StringDecoder("utf8"),
        rest: "",
        idleReads: 0,
      });
      return opened;
    } catch (error) {
      // Rotated between the two calls: the next read finds the new file.
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
  }

  #close(inode: number): void {
    const file = this.#files.get(inode);
    if (file) closeSync(file.descriptor);
    this.#files.delete(inode);
  }
}

function readLines(file: OpenFile, lines: string[]): void {
  for (;;) {
    const size = readSync(file.descriptor, chunk, 0, chunk.length, null);
    if (size === 0) return;
    const parts = (file.rest + file.decoder.write(chunk.subarray(0, size))).split("\n");
    file.rest = parts.pop() ?? "";
    for (const part of parts) lines.push(part);
  }
}
