import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { alternatingPairs, quantile, spread, unionLength } from "../../scripts/bench/statistics.ts";

describe("quantile", () => {
  it("interpolates between neighbours", () => {
    expect(quantile([4, 1, 3, 2], 0.5)).toBe(2.5);
    expect(quantile([10, 20, 30, 40, 50], 0.99)).toBeCloseTo(49.6);
    expect(quantile([7], 0.99)).toBe(7);
  });

  it("has the least and the greatest value at its ends", () => {
    const values = fc.array(fc.integer(), { minLength: 1 });
    fc.assert(
      fc.property(values, (list) => {
        expect(quantile(list, 0)).toBe(Math.min(...list));
        expect(quantile(list, 1)).toBe(Math.max(...list));
      }),
    );
  });

  it("does not exist without values", () => {
    expect(() => quantile([], 0.5)).toThrow(RangeError);
  });
});

describe("spread", () => {
  it("is not moved by one disturbed measurement", () => {
    expect(spread([1, 1.1, 0.9, 50, 1])).toEqual({ median: 1, low: 0.9, high: 50 });
  });
});

describe("the range that holds the median with 95 %", () => {
  const interval = (count: number) =>
    spread(Array.from({ length: count }, (_, index) => index + 1)).interval;

  it("leaves out as many values at both ends as tables of the sign test say", () => {
    expect(interval(5)).toBeUndefined();
    expect(interval(6)).toEqual([1, 6]);
    expect(interval(8)).toEqual([1, 8]);
    expect(interval(9)).toEqual([2, 8]);
    expect(interval(12)).toEqual([3, 10]);
    expect(interval(20)).toEqual([6, 15]);
    expect(interval(50)).toEqual([18, 33]);
  });
});

describe("alternating pairs", () => {
  it("change who is first, so that a drift favours neither", () => {
    const pairs = alternatingPairs("A", "B", 3);
    expect(pairs.map((pair) => pair.join(""))).toEqual(["AB", "BA", "AB"]);
  });
});

describe("union of intervals", () => {
  it("counts time once, however many last at the time", () => {
    expect(
      unionLength([
        [5, 6],
        [0, 2],
        [1, 3],
        [1.5, 2.5],
      ]),
    ).toBe(4);
    expect(unionLength([])).toBe(0);
  });
});
