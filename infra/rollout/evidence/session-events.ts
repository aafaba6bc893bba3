import type { Side } from "../decision.ts";
import { slis } from "./slis.ts";
import type { Sli } from "./slis.ts";

/** Number of thresholds for `slow` that are tried in the shadow stage. */
export const slowCandidates = 4;

/**
 * What happened to a session for the first time at a percentage: it was seen, it turned bad in one way, or it
 * exceeded one of the candidates for the threshold of `slow`.
 */
export type SessionEventKind = "seen" | Sli | `candidate${0 | 1 | 2 | 3}`;

const kinds: readonly SessionEventKind[] = [
  "seen",
  ...slis,
  "candidate0",
  "candidate1",
  "candidate2",
  "candidate3",
];

/** Number of a kind: its flag in a `SessionTable`. */
export const kindFlags = Object.fromEntries(kinds.map((kind, index) => [kind, index])) as Readonly<
  Record<SessionEventKind, number>
>;

/** One event. */
export interface SessionEvent {
  /** XXH64 of the id that was hashed: never the id. */
  readonly hash: bigint;
  /** Percentage of the line, 0 to 100. */
  readonly percentage: number;
  /** Decided side. */
  readonly side: Side;
  readonly kind: SessionEventKind;
}

/** Bytes of an event: percentage, side and kind, hash (big-endian). */
export const eventBytes = 10;

const v2Bit = 0x80;

/** An event in numbers. */
interface EventNumbers {
  /** Halves of the hash, unsigned 32-bit integers. */
  readonly high: number;
  readonly low: number;
  readonly percentage: number;
  /** Whether V2 is the decided side. */
  readonly onV2: boolean;
  /** Number of the kind. */
  readonly kind: number;
}

/** Writes an event at a place where there is room for it. */
export function writeEvent(buffer: Buffer, at: number, event: EventNumbers): void {
  buffer[at] = event.percentage;
  buffer[at + 1] = event.kind | (event.onV2 ? v2Bit : 0);
  buffer.writeUInt32BE(event.high, at + 2);
  buffer.writeUInt32BE(event.low, at + 6);
}

/** Collects events. */
export class EventWriter {
  private buffer = Buffer.allocUnsafe(64 * eventBytes);
  private length = 0;

  /** Number of events. */
  get count(): number {
    return this.length / eventBytes;
  }

  add({ hash, percentage, side, kind }: SessionEvent): void {
    if (this.length === this.buffer.length) {
      const larger = Buffer.allocUnsafe(this.buffer.length * 2);
      this.buffer.copy(larger, 0, 0, this.length);
      this.buffer = larger;
    }
    const high = Number(hash >> 32n);
    const low = Number(hash & 0xffffffffn);
    const event = { high, low, percentage, onV2: side === "v2", kind: kindFlags[kind] };
    writeEvent(this.buffer, this.length, event);
    this.length += eventBytes;
  }

  /** The events since the last call, in order. */
  take(): Buffer {
    const taken = Buffer.from(this.buffer.subarray(0, this.length));
    this.length = 0;
    return taken;
  }
}

/**
 * Reads events.
 *
 * @throws RangeError when the bytes are no whole events or name a kind that there is not
 */
export function* readEvents(bytes: Buffer): Generator<SessionEvent> {
  if (bytes.length % eventBytes !== 0) {
    throw new RangeError(`${bytes.length} bytes are no whole number of session events.`);
  }
  for (let at = 0; at < bytes.length; at += eventBytes) {
    const code = bytes[at + 1] ?? 0;
    const kind = kinds[code & ~v2Bit];
    if (kind === undefined) throw new RangeError(`${code} is no kind of a session event.`);
    yield {
      percentage: bytes[at] ?? 0,
      side: (code & v2Bit) === 0 ? "v1" : "v2",
      kind,
      hash: bytes.readBigUInt64BE(at + 2),
    };
  }
}
