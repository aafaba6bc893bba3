import { readFile } from "node:fs/promises";
import { format, resolveConfig } from "prettier";
import { beforeAll, describe, expect, it } from "vitest";

import { cases } from "../../scripts/simulate/cases.ts";
import { upperBound } from "../../scripts/simulate/interval.ts";
import { simulationReport } from "../../scripts/simulate/report.ts";
import { simulationResult } from "../../scripts/simulate/result.ts";
import type { SimulationResult } from "../../scripts/simulate/result.ts";
import { runSingle } from "../../scripts/simulate/run-case.ts";
import { runScenario, scenarios } from "../../scripts/simulate/scenarios.ts";

const docs = new URL("../../docs/", import.meta.url);
let recorded: SimulationResult;

beforeAll(async () => {
  recorded = JSON.parse(
    await readFile(new URL("simulation.json", docs), "utf8"),
  ) as SimulationResult;
});

describe("recorded simulation", () => {
  it("meets every goal with the numbers that were asked for", () => {
    expect(recorded.goals.filter(({ met }) => !met)).toEqual([]);
    expect(recorded.healthy.migrations).toBeGreaterThanOrEqual(2000);
    expect(recorded.healthy.upperBound).toBeLessThanOrEqual(0.01);
    expect(recorded.sharedOutage.rollbacks).toBe(0);
  });

  it("is what docs/simulation.md shows", async () => {
    const path = new URL("simulation.md", docs).pathname;
    const text = await format(simulationReport(recorded), {
      ...(await resolveConfig(path)),
      parser: "markdown",
    });
    await expect(text).toMatchFileSnapshot(path);
  });

  it("has every case, in order", () => {
    expect(recorded.cases.map(({ name }) => name)).toEqual(cases.map(({ name }) => name));
  });

  it.each(cases.map((one, index) => [one.name, one, index] as const))(
    "has for the first migrations of %s what the code gives now",
    (_, one, index) => {
      const { first } = recorded.cases[index] ?? { first: [] };
      expect(first.length).toBe(5);
      const runs = one.group === "power" ? 3 : 2;
      const again = Array.from(
        { length: runs },
        (__, run) => runSingle(one, recorded.seed, run)?.minutes ?? null,
      );
      expect(again).toEqual(first.slice(0, runs));
    },
  );

  it("counts what it sums up", () => {
    const done = recorded.cases.map((result, index) => {
      const one = cases[index];
      if (one === undefined) throw new Error("a case is missing");
      return { one, result };
    });
    expect(simulationResult(recorded.seed, done, recorded.scenarios)).toEqual(recorded);
  });
});

describe("broken and missing data", () => {
  it.each(scenarios.map((scenario) => [scenario.name, scenario] as const))("%s", (_, scenario) => {
    const { ok, verdicts } = runScenario(scenario, 2);
    expect({ ok, verdicts }).toEqual({ ok: true, verdicts: scenario.allowed });
  });
});

describe("upper confidence bound", () => {
  it("is that of Clopper and Pearson", () => {
    expect(upperBound(0, 59)).toBeCloseTo(1 - 0.05 ** (1 / 59), 10);
    expect(upperBound(0, 2000)).toBeCloseTo(0.0014968, 6);
    // 1 of 10: the root of (1-p)^10 + 10 p (1-p)^9 = 0.05
    const p = upperBound(1, 10);
    expect((1 - p) ** 10 + 10 * p * (1 - p) ** 9).toBeCloseTo(0.05, 10);
    expect(upperBound(10, 10)).toBe(1);
  });
});
