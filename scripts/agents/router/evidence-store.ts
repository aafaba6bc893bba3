import { closeSync, fstatSync, ftruncateSync, openSync, readSync, readdirSync } from "node:fs";
import { rmSync, writeSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { z } from "zod";
import type { EvidenceRecord } from "../../../infra/rollout/evidence/record.ts";
import { uniteRecords } from "../../../infra/rollout/evidence/record.ts";

/** Schema of where a store's content is. */
export const placeSchema = z.strictObject({
  /** Number at the end of the file's name: each rewriting makes another file. */
  generation: z.int().min(0),
  /** Bytes of it that count. */
  bytes: z.int().min(0),
});

/** Where a store's content is; to be kept with the state that the records belong to. */
export type Place = z.infer<typeof placeSchema>;

/** Where a record lies in the file, and which records it unites. */
interface Entry {
  readonly from: number;
  readonly to: number;
  readonly offset: number;
  readonly length: number;
}

/** Limits of a store; the defaults suit an agent. */
interface StoreLimits {
  /** Size from which older records are united, bytes. */
  readonly uniteAt: number;
  /** Newest records that stay as they are: some ten minutes of two guards' questions. */
  readonly keep: number;
  /** Bytes of records that are united into one, and that are told at once. */
  readonly batch: number;
}

const agentLimits: StoreLimits = { uniteAt: 16 * 1024 * 1024, keep: 1200, batch: 512 * 1024 };

/** Records that follow one which a guard has. */
interface Following {
  /** Texts of the records, JSON. */
  readonly records: readonly string[];
  /** They begin with the first one: the one asked for was united with later ones. */
  readonly restart: boolean;
  readonly more: boolean;
}

/**
 * The records of an attempt in a file, one JSON text a line. It outlives the agent's container: what a guard missed
 * while it was away is still there. Older records are united when the file has grown, so that its size depends on
 * the number of sessions and not on time.
 *
 * What is appended counts once `place` is stored; whatever else the file holds then is cut off by the next start. So
 * records and the cursor of the decision log, stored with it, always fit each other.
 */
export class EvidenceStore {
  private readonly path: string;
  private readonly limits: StoreLimits;
  private generation: number;
  private descriptor: number;
  private entries: Entry[] = [];
  private size = 0;
  private sizeUnited = 0;
  /** There may be files that do not count. */
  private unsettled = true;

  /** @throws Error where the file is shorter than the place says, or holds anything but records */
  constructor(path: string, place: Place, limits: Partial<StoreLimits> = {}) {
    this.path = path;
    this.limits = { ...agentLimits, ...limits };
    this.generation = place.generation;
    this.descriptor = openSync(this.fileName, place.bytes === 0 ? "w+" : "r+", 0o600);
    if (fstatSync(this.descriptor).size < place.bytes) {
      throw new Error(`${this.fileName} is shorter than the ${place.bytes} bytes that it had`);
    }
    ftruncateSync(this.descriptor, place.bytes);
    this.readEntries(place.bytes);
  }

  get place(): Place {
    return { generation: this.generation, bytes: this.size };
  }

  /** Every record, in order. */
  *records(): Generator<EvidenceRecord> {
    for (const entry of this.entries) yield this.recordOf(entry);
  }

  append(record: EvidenceRecord): void {
    const line = JSON.stringify(record);
    writeSync(this.descriptor, `${line}\n`, this.size);
    this.entered(record, Buffer.byteLength(line));
  }

  /** Forgets everything. */
  clear(): void {
    this.nextFile();
    this.sizeUnited = 0;
  }

  /** Unites older records where the file has grown to twice of what it was when that was done last. */
  unite(): void {
    const { uniteAt, keep, batch } = this.limits;
    if (this.size < Math.max(uniteAt, 2 * this.sizeUnited)) return;
    const [before, entries] = [this.descriptor, this.entries];
    const read = (entry: Entry) => JSON.parse(readText(before, entry)) as EvidenceRecord;
    this.nextFile({ close: false });
    let group: EvidenceRecord[] = [];
    let bytes = 0;
    for (const [index, entry] of entries.entries()) {
      group.push(read(entry));
      bytes += entry.length;
      const alone = index >= entries.length - keep - 1;
      if (!alone && bytes < batch) continue;
      this.append(uniteRecords(group));
      group = [];
      bytes = 0;
    }
    closeSync(before);
    this.sizeUnited = this.size;
  }

  /** Deletes the files that do not count any more; to be called when `place` was stored. */
  settle(): void {
    if (!this.unsettled) return;
    this.unsettled = false;
    const directory = dirname(this.path);
    const own = basename(this.fileName);
    for (const name of readdirSync(directory)) {
      if (!name.startsWith(`${basename(this.path)}.`) || name === own) continue;
      rmSync(join(directory, name), { force: true });
    }
  }

  /** Records after a number, as many as are told at once. */
  after(number: number): Following {
    const next = this.entries.findIndex(({ to }) => to > number);
    if (next === -1) return { records: [], restart: false, more: false };
    const restart = number > 0 && (this.entries[next]?.from ?? 0) <= number;
    const records: string[] = [];
    let bytes = 0;
    for (const entry of this.entries.slice(restart ? 0 : next)) {
      if (bytes >= this.limits.batch) return { records, restart, more: true };
      bytes += entry.length;
      records.push(readText(this.descriptor, entry));
    }
    return { records, restart, more: false };
  }

  close(): void {
    closeSync(this.descriptor);
  }

  private get fileName(): string {
    return `${this.path}.${this.generation}`;
  }

  private nextFile({ close = true } = {}): void {
    if (close) closeSync(this.descriptor);
    this.generation += 1;
    this.unsettled = true;
    this.descriptor = openSync(this.fileName, "w+", 0o600);
    this.entries = [];
    this.size = 0;
  }

  private entered({ from, to }: Pick<Entry, "from" | "to">, length: number): void {
    this.entries.push({ from, to, offset: this.size, length });
    this.size += length + 1;
  }

  private readEntries(bytes: number): void {
    const buffer = Buffer.alloc(bytes);
    readSync(this.descriptor, buffer, 0, bytes, 0);
    while (this.size < bytes) {
      const end = buffer.indexOf("\n", this.size);
      const length = (end === -1 ? bytes : end) - this.size;
      const text = buffer.toString("utf8", this.size, this.size + length);
      this.entered(JSON.parse(text) as EvidenceRecord, length);
    }
  }

  private recordOf(entry: Entry): EvidenceRecord {
    return JSON.parse(readText(this.descriptor, entry)) as EvidenceRecord;
  }
}

function readText(descriptor: number, { offset, length }: Entry): string {
  const buffer = Buffer.allocUnsafe(length);
  readSync(descriptor, buffer, 0, length, offset);
  return buffer.toString("utf8");
}
