import { z } from "zod";

const changeSchema = z.strictObject({
  /** Revision of the decisions. */
  revision: z.string(),
  percentage: z.int().min(0).max(100),
  /** Number of the change, 1 to 65535 and around; the same while the percentage stays the same. */
  number: z.int().min(1).max(0xffff),
  /**
   * START_TIME of the first request that was read of it, milliseconds since 1970; the same while the percentage stays the
   * same. 0: not known, as for the first percentage of all, or long ago.
   */
  at: z.number().min(0).default(0),
});

/** The change of the percentage that decisions belong to. */
export type Change = z.infer<typeof changeSchema>;

/** Schema of what is remembered of the percentages of late. */
export const changesSchema = z.array(changeSchema);

/** The percentages of late, the newest last. */
export type Changes = z.infer<typeof changesSchema>;

/** Requests of an older revision end later than this many changes only in theory. */
const remembered = 8;

/**
 * The change of the percentage that a decision belongs to. The revision is entered where it is new.
 *
 * @param changes changed in place
 * @param startTime of the request, milliseconds since 1970
 */
export function changeOf(
  changes: Changes,
  revision: string,
  percentage: number,
  startTime: number,
): Change {
  const known = changes.findLast((change) => change.revision === revision);
  if (known?.percentage === percentage) return known;
  const last = changes.at(-1);
  const { number, at } =
    last?.percentage === percentage
      ? last
      : {
          number: ((last?.number ?? 0) % 0xffff) + 1,
          at: last === undefined ? 0 : startTime,
        };
  const change = { revision, percentage, number, at };
  changes.push(change);
  if (changes.length > remembered) changes.shift();
  return change;
}

/**
 * Number of the change to a percentage that was in force at a time; 0 where none is remembered.
 *
 * @param time milliseconds since 1970
 */
export function numberAt(changes: Changes, percentage: number, time: number): number {
  const change = changes.findLast((one) => one.percentage === percentage && one.at <= time);
  return change?.number ?? 0;
}
