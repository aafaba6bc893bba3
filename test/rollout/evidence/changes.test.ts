import { describe, expect, it } from "vitest";
import { changeNumber } from "../../../infra/rollout/evidence/changes.ts";
import type { Changes } from "../../../infra/rollout/evidence/changes.ts";

describe("changes of the percentage", () => {
  it("have numbers of their own, also where a percentage comes back", () => {
    const changes: Changes = [];
    const numbers = [10, 25, 10, 0, 25].map((percentage, index) =>
      changeNumber(changes, `r${String(index)}.1`, percentage),
    );
    expect(numbers).toEqual([1, 2, 3, 4, 5]);
  });

  it("are none where only the revision is another one", () => {
    const changes: Changes = [];
    changeNumber(changes, "r1.1", 10);
    const raised = changeNumber(changes, "r2.1", 25);
    expect(changeNumber(changes, "r3.1", 25)).toBe(raised);
  });

  it("are known for a request that ends after the next one", () => {
    const changes: Changes = [];
    changeNumber(changes, "r1.1", 10);
    const raised = changeNumber(changes, "r2.1", 25);
    changeNumber(changes, "r3.1", 50);
    expect(changeNumber(changes, "r2.1", 25)).toBe(raised);
    expect(changes).toHaveLength(3);
  });

  it("are remembered for a while only", () => {
    const changes: Changes = [];
    for (let number = 0; number < 100; number += 1) {
      changeNumber(changes, `r${String(number)}.1`, number);
    }
    expect(changes).toHaveLength(8);
    expect(changes.at(-1)).toMatchObject({ percentage: 99, number: 100 });
  });
});
