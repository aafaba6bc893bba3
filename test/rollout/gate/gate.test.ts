import { describe, expect, it } from "vitest";
import { evaluateGate } from "../../../infra/rollout/gate/gate.ts";
import { changed, judge, openGate } from "./gate-fixture.ts";

describe("the gate", () => {
  it.each([5, 25, 50, 100])("is open after p%i where everything holds", (percentage) => {
    expect(judge(openGate(percentage))).toEqual({ outcome: "passed", others: {} });
  });

  it("asks more of a stage, the larger its share is", () => {
    const asked = [5, 25, 50, 100].map((percentage) => {
      const { checks, people } = evaluateGate(openGate(percentage));
      return [checks.map(({ name }) => name), people.length] as const;
    });
    const common = [
      "commanded = applied",
      "applied = observed",
      "brake",
      "journal",
      "verdict",
      "time at this stage",
    ];
    const [p5, p25, p50, p100] = [
      ["error rate", "latency", "memory", "workers"],
      ["scaling", "session affinity", "telemetry", "unexpected errors"],
      ["V1 and V2 compared", "resources"],
      ["V2 alone"],
    ] as const;
    expect(asked).toEqual([
      [[...common, ...p5], 1],
      [[...common, ...p5, ...p25], 2],
      [[...common, ...p5, ...p25, ...p50], 4],
      [[...common, ...p5, ...p25, ...p50, ...p100], 6],
    ]);
    expect(evaluateGate(openGate(0)).checks.map(({ name }) => name)).toEqual(common);
  });

  it("says of a check what was seen, over what, and what is allowed", () => {
    const [agreement, share] = evaluateGate(openGate(25)).checks;
    expect(agreement).toEqual({
      name: "commanded = applied",
      window: "now",
      observed: "25 % in 2 routers",
      limit: "25 % in all 2 routers",
      passed: true,
    });
    expect(share).toEqual({
      name: "applied = observed",
      window: "this stage",
      observed: "25.0 % of 4,000 sessions on V2, 0 decisions unlike the predictor",
      limit: "25 % within 2.7, 0 decisions",
      passed: true,
    });
  });

  it("fails where something speaks against, whatever else is missing", () => {
    const input = changed(5, () => ({ judged: undefined, brakeEngaged: true }));
    expect(judge(input).outcome).toBe("failed");
  });
});
