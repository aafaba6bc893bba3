import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SessionTable } from "../../../infra/rollout/evidence/session-table.ts";

const hashes = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });

describe("a table of sessions", () => {
  it("is a map of hash and percentage, in the order of entry", () => {
    const entries = fc.array(fc.tuple(hashes, fc.integer({ min: 0, max: 255 })), { maxLength: 60 });
    fc.assert(
      fc.property(entries, (all) => {
        const table = new SessionTable(1000);
        const known = new Map<string, number>();
        for (const [hash, percentage] of [...all, ...all]) {
          const key = `${String(hash)} ${String(percentage)}`;
          if (!known.has(key)) known.set(key, known.size);
          expect(table.entry(hash, percentage)).toBe(known.get(key));
        }
        for (const [hash, percentage] of all) {
          const elsewhere = all.some(([one, other]) => one === hash && other !== percentage);
          expect(table.isElsewhere(hash, percentage)).toBe(elsewhere);
        }
        const listed = Array.from({ length: table.size }, (_, entry) => {
          const hash = (BigInt(table.highOf(entry)) << 32n) | BigInt(table.lowOf(entry));
          return `${String(hash)} ${String(table.percentageOf(entry))}`;
        });
        expect(listed).toEqual([...known.keys()]);
      }),
    );
  });

  it("keeps entries, flags and marks while it grows", () => {
    const table = new SessionTable(20_000);
    for (let hash = 0n; hash < 10_000n; hash += 1n) {
      const entry = table.entry(hash << 32n, 25);
      expect(table.set(entry, Number(hash % 16n))).toBe(true);
      table.mark(entry, Number(hash % 100n) + 1);
    }
    for (let hash = 0n; hash < 10_000n; hash += 1n) {
      const entry = table.entry(hash << 32n, 25);
      expect(entry).toBe(Number(hash));
      expect(table.set(entry, Number(hash % 16n))).toBe(false);
      expect(table.set(entry, Number((hash + 1n) % 16n))).toBe(true);
      expect(table.mark(entry, Number(hash % 100n) + 1)).toBe(false);
    }
  });

  it("takes no more at its capacity, and still finds what it has", () => {
    const table = new SessionTable(3);
    expect([1n, 2n, 3n, 4n].map((hash) => table.entry(hash, 5))).toEqual([0, 1, 2, -1]);
    expect(table.entry(2n, 5)).toBe(1);
    expect(table.entry(2n, 10)).toBe(-1);
  });
});
