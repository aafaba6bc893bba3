import { describe, expect, it } from "vitest";
import { guardMetrics } from "../../scripts/agents/guard/metrics.ts";

describe("the guard's metrics", () => {
  it("tell how long evaluations took, and how much of it was collecting", async () => {
    const metrics = guardMetrics(() => undefined);
    metrics.evaluated(40, 50);
    metrics.evaluated(500, 750);
    const lines = (await metrics.text()).split("\n");
    expect(lines).toEqual(
      expect.arrayContaining([
        'guard_evaluation_seconds_bucket{le="0.05"} 1',
        'guard_evaluation_seconds_bucket{le="0.5"} 1',
        'guard_evaluation_seconds_bucket{le="1"} 2',
        "guard_evaluation_seconds_sum 0.8",
        "guard_evaluation_seconds_count 2",
        "guard_collection_seconds_sum 0.54",
        'guard_collection_seconds_bucket{le="0.5"} 2',
      ]),
    );
  });
});
