import { describe, expect, it } from "vitest";
import { changeOf, numberAt } from "../../../infra/rollout/evidence/changes.ts";
import type { Changes } from "../../../infra/rollout/evidence/changes.ts";

describe("changes of the percentage", () => {
  it("have numbers and times of their own, also where a percentage comes back", () => {
    const changes: Changes = [];
    const found = [10, 25, 10, 0, 25].map((percentage, index) =>
      changeOf(changes, `r${String(index)}.1`, percentage, 1000 + index),
    );
    expect(found.map(({ number }) => number)).toEqual([1, 2, 3, 4, 5]);
    // When the first percentage came about nobody has seen.
    expect(found.map(({ at }) => at)).toEqual([0, 1001, 1002, 1003, 1004]);
  });

  it("are none where only the revision is another one", () => {
    const changes: Changes = [];
    changeOf(changes, "r1.1", 10, 1000);
    const { number, at } = changeOf(changes, "r2.1", 25, 2000);
    expect(changeOf(changes, "r3.1", 25, 3000)).toMatchObject({ number, at });
  });

  it("are known for a request that ends after the next one", () => {
    const changes: Changes = [];
    changeOf(changes, "r1.1", 10, 1000);
    const raised = changeOf(changes, "r2.1", 25, 2000);
    changeOf(changes, "r3.1", 50, 3000);
    expect(changeOf(changes, "r2.1", 25, 1999)).toBe(raised);
    expect(changes).toHaveLength(3);
  });

  it("are found by percentage and time", () => {
    const changes: Changes = [];
    for (const [index, percentage] of [10, 25, 10].entries()) {
      changeOf(changes, `r${String(index)}.1`, percentage, 1000 * (index + 1));
    }
    const at = (time: number) => [numberAt(changes, 10, time), numberAt(changes, 25, time)];
    expect([1000, 2000, 3000].map(at)).toEqual([
      [1, 0],
      [1, 2],
      [3, 2],
    ]);
  });

  it("are remembered for a while only", () => {
    const changes: Changes = [];
    for (let number = 0; number < 100; number += 1) {
      changeOf(changes, `r${String(number)}.1`, number, number);
    }
    expect(changes).toHaveLength(8);
    expect(changes.at(-1)).toMatchObject({ percentage: 99, number: 100 });
  });
});
