import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { actions, decide } from "../../../infra/rollout/evidence/findings.ts";
import type { Finding } from "../../../infra/rollout/evidence/findings.ts";

const finding: fc.Arbitrary<Finding> = fc.record({
  code: fc.constantFrom("a", "b", "c"),
  action: fc.constantFrom(...actions),
  basis: fc.constantFrom("bound", "with evidence", "alone, outside the bound", "data"),
  page: fc.boolean(),
  text: fc.constantFrom("x", "y"),
});
const findings = fc.array(finding, { maxLength: 8 });

describe("decision on findings", () => {
  it("does not depend on their order, and keeps all of them", () => {
    const shuffled = findings.chain((all) =>
      fc.tuple(
        fc.constant(all),
        fc.shuffledSubarray(all, { minLength: all.length, maxLength: all.length }),
      ),
    );
    fc.assert(
      fc.property(shuffled, ([all, other]) => {
        expect(decide(other)).toEqual(decide(all));
        expect(decide(all).findings).toHaveLength(all.length);
      }),
    );
  });

  it("is what the worst one asks for", () => {
    fc.assert(
      fc.property(findings, (all) => {
        const { kind, severity, page } = decide(all);
        const has = (action: string) => all.some((one) => one.action === action);
        const expected = ["rollback", "unknown", "hold"].find(has) ?? "pass";
        expect(kind).toBe(expected);
        expect(severity === "critical").toBe(has("rollback"));
        expect(page).toBe(all.some((one) => one.page));
      }),
    );
  });

  it("calls an alert alone a warning that passes", () => {
    const alert: Finding = {
      code: "alert-cpu",
      action: "alert",
      basis: "data",
      page: true,
      text: "",
    };
    expect(decide([alert])).toMatchObject({ kind: "pass", severity: "warning" });
    expect(decide([])).toMatchObject({ kind: "pass", severity: "healthy" });
  });
});
