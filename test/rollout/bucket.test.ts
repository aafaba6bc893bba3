import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { bucket, bucketOfHalves, bucketOfHash } from "../../infra/rollout/bucket.ts";

describe("bucket", () => {
  // Digests of the reference implementation, xxhsum -H64 (seed 0).
  it.each([
    ["", 0xef46db3751d8e999n],
    ["a", 0xd24ec4f1a98c6e5bn],
    ["abc", 0x44bc2cf5ad770999n],
  ])("of %j is XXH64 modulo 100", (id, digest) => {
    expect(bucket(id)).toBe(Number(digest % 100n));
  });

  it("is an integer from 0 to 99 that depends on the id alone", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 200 }), (id) => {
        const value = bucket(id);
        return Number.isInteger(value) && value >= 0 && value < 100 && bucket(id) === value;
      }),
    );
  });

  it("is the same from the halves of a hash", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (hash) => {
        const halves = [hash >> 32n, hash & 0xffffffffn].map(Number);
        expect(bucketOfHalves(halves[0] ?? 0, halves[1] ?? 0)).toBe(bucketOfHash(hash));
      }),
    );
  });

  it.each<[string, (index: number) => string]>([
    ["numbered", (index) => `session-${index}`],
    ["scattered", (index) => Math.imul(index, 0x9e3779b1).toString(36)],
  ])("spreads 200,000 %s ids within 0.3 points of every stage's percentage", (_, id) => {
    const total = 200_000;
    const counts = new Array<number>(100).fill(0);
    for (let index = 0; index < total; index += 1) {
      const value = bucket(id(index));
      counts[value] = (counts[value] ?? 0) + 1;
    }
    for (const percentage of [5, 10, 25, 50, 75]) {
      const below = counts.slice(0, percentage).reduce((sum, count) => sum + count, 0);
      expect(Math.abs((100 * below) / total - percentage)).toBeLessThan(0.3);
    }
  });
});
