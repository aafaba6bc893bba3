import { describe, expect, it } from "vitest";
import { bucketOfHash, idHash } from "../../../infra/rollout/bucket.ts";
import { kindFlags, readEvents } from "../../../infra/rollout/evidence/session-events.ts";
import type { SessionEvent } from "../../../infra/rollout/evidence/session-events.ts";
import { SessionTable } from "../../../infra/rollout/evidence/session-table.ts";
import {
  firstInAttemptFlag,
  tableEvents,
  wholeAttempt,
} from "../../../infra/rollout/evidence/table-events.ts";

/** Events of a table; each part is read before the next one is asked for. */
function eventsOf(table: SessionTable): SessionEvent[] {
  const events: SessionEvent[] = [];
  for (const part of tableEvents(table)) events.push(...readEvents(part));
  return events;
}

describe("events that make a table again", () => {
  it("are those of every session, with its side, in as many parts as it takes", () => {
    const table = new SessionTable(100_000);
    const hashes = Array.from({ length: 20_000 }, (_, number) => idHash(`session-${number}`));
    for (const hash of hashes) table.set(table.entry(hash, 25), kindFlags.seen);
    const events = eventsOf(table);
    expect(events).toEqual(
      hashes.map((hash) => ({
        hash,
        percentage: 25,
        side: bucketOfHash(hash) < 25 ? "v2" : "v1",
        kind: "seen",
      })),
    );
    expect([...tableEvents(table)]).toHaveLength(4);
  });

  it("begin with what was first in the attempt, and leave out the attempt as a whole", () => {
    const table = new SessionTable(10);
    const set = (hash: bigint, percentage: number, ...flags: readonly number[]) => {
      for (const flag of flags) table.set(table.entry(hash, percentage), flag);
    };
    const { seen, failed, notFound, candidate3 } = kindFlags;
    set(1n, 10, seen, failed);
    set(2n, 25, seen, candidate3, notFound, firstInAttemptFlag("notFound"));
    set(2n, wholeAttempt, notFound);
    const told = eventsOf(table).map(({ hash, kind }) => `${hash} ${kind}`);
    expect(told).toEqual(["2 notFound", "1 seen", "1 failed", "2 seen", "2 candidate3"]);
  });

  it("are none where nothing is known", () => {
    expect([...tableEvents(new SessionTable(10))]).toEqual([]);
  });
});
