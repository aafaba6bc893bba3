import { describe, expect, it } from "vitest";
import {
  defaultShape,
  operations,
  planArrivals,
  type Arrival,
  type LoadShape,
} from "../../scripts/rehearsal/load-plan.ts";

function take(shape: LoadShape, count: number): Arrival[] {
  const arrivals = planArrivals(shape);
  return Array.from({ length: count }, () => arrivals.next().value);
}

describe("a planned load", () => {
  const arrivals = take(defaultShape, 50_000);

  it("is the same for the same seed and another one for the next", () => {
    expect(take(defaultShape, 100)).toEqual(arrivals.slice(0, 100));
    expect(take({ ...defaultShape, seed: 2 }, 100)).not.toEqual(arrivals.slice(0, 100));
  });

  it("arrives like a Poisson process of the given rate", () => {
    const gaps = arrivals.map(({ atMs }, index) => atMs - (arrivals[index - 1]?.atMs ?? 0));
    const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
    const variance = gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length;
    expect(gaps.every((gap) => gap >= 0)).toBe(true);
    expect((mean * defaultShape.rate) / 1000).toBeCloseTo(1, 1);
    // Exponential gaps: the standard deviation equals the mean.
    expect(Math.sqrt(variance) / mean).toBeCloseTo(1, 1);
  });

  it("spreads over thousands of sessions of unequal size", () => {
    const sizes = new Map<number, number>();
    for (const { session } of arrivals) {
      if (session !== undefined) sizes.set(session, (sizes.get(session) ?? 0) + 1);
    }
    const sorted = [...sizes.values()].sort((a, b) => b - a);
    expect(sizes.size).toBeGreaterThan(2500);
    expect(sorted[0]).toBeGreaterThan(100);
    expect(sorted.filter((size) => size < 10).length).toBeGreaterThan(1000);
  });

  it("holds every operation, keyed and keyless, with and without a session", () => {
    for (const operation of operations) {
      const share = arrivals.filter((arrival) => arrival.operation === operation).length / 50_000;
      expect(share).toBeCloseTo(defaultShape.mix[operation] / 100, 1);
    }
    const executes = arrivals.filter(({ operation }) => operation === "execute");
    expect(executes.filter(({ keyed }) => keyed).length / executes.length).toBeCloseTo(0.4, 1);
    const deletes = arrivals.filter(({ operation }) => operation === "delete");
    expect(deletes.every(({ keyed }) => keyed)).toBe(true);
    const anonymous = arrivals.filter(({ session }) => session === undefined);
    expect(anonymous.length / 50_000).toBeCloseTo(0.06, 1);
  });
});
