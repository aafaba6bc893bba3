import { bucketOfHalves } from "../bucket.ts";
import { eventBytes, kindFlags, writeEvent } from "./session-events.ts";
import type { SessionTable } from "./session-table.ts";
import { slis } from "./slis.ts";
import type { Sli } from "./slis.ts";

/** Stands for the attempt as a whole in a table of sessions, where the others have a percentage. */
export const wholeAttempt = 255;

/** Begin of the flags that tell in which ways a session was bad for the first time in the attempt, one for each SLI. */
const firstFlags = Object.keys(kindFlags).length;

/** Flag of an entry: its session was bad in this way for the first time in the attempt. */
export function firstInAttemptFlag(sli: Sli): number {
  return firstFlags + kindFlags[sli] - kindFlags[slis[0]];
}

/** Events of a part: 64 KiB, and a multiple of three bytes, so that parts in base64 can be put together. */
const partEvents = 6_552;

const allKinds = (1 << firstFlags) - 1;

/**
 * Events that make a table again, in parts. Those that were first in the attempt come first. A guard writes millions of
 * them at once and does nothing else meanwhile: they are made from numbers, and all parts are the same memory.
 *
 * @returns parts that have to be used before the next one is asked for, and before the table changes
 */
export function* tableEvents(table: SessionTable): Generator<Buffer> {
  const part = Buffer.allocUnsafe(partEvents * eventBytes);
  let length = 0;
  for (const firsts of [true, false]) {
    for (let entry = 0; entry < table.size; entry += 1) {
      const percentage = table.percentageOf(entry);
      if (percentage === wholeAttempt) continue;
      // Bit by bit: there is one for each kind.
      for (let kinds = kindsOf(table.flagsOf(entry), firsts); kinds !== 0; kinds &= kinds - 1) {
        const [high, low] = [table.highOf(entry), table.lowOf(entry)];
        const onV2 = bucketOfHalves(high, low) < percentage;
        const kind = 31 - Math.clz32(kinds & -kinds);
        writeEvent(part, length, { high, low, percentage, onV2, kind });
        length += eventBytes;
        if (length < part.length) continue;
        yield part;
        length = 0;
      }
    }
  }
  if (length > 0) yield part.subarray(0, length);
}

/** Kinds of what happened to a session, a bit for each: those that were first in the attempt, or the others. */
function kindsOf(flags: number, firsts: boolean): number {
  const first = (flags >> firstFlags) << kindFlags[slis[0]];
  return firsts ? first : flags & allKinds & ~first;
}
