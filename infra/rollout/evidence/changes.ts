import { z } from "zod";

/** Schema of what is remembered of the percentages of late. */
export const changesSchema = z.array(
  z.strictObject({
    /** Revision of the decisions. */
    revision: z.string(),
    percentage: z.int().min(0).max(100),
    /** Number of the change, 1 to 65535 and around; the same while the percentage stays the same. */
    number: z.int().min(1).max(0xffff),
  }),
);

/** The percentages of late, the newest last. */
export type Changes = z.infer<typeof changesSchema>;

/** Requests of an older revision end later than this many changes only in theory. */
const remembered = 8;

/**
 * Number of the change of the percentage that a decision belongs to. The revision is entered where it is new.
 *
 * @param changes changed in place
 */
export function changeNumber(changes: Changes, revision: string, percentage: number): number {
  const known = changes.findLast((change) => change.revision === revision);
  if (known?.percentage === percentage) return known.number;
  const last = changes.at(-1);
  const number = last?.percentage === percentage ? last.number : ((last?.number ?? 0) % 0xffff) + 1;
  changes.push({ revision, percentage, number });
  if (changes.length > remembered) changes.shift();
  return number;
}
