import { describe, expect, it } from "vitest";

import {
  findStage,
  ladderProblems,
  percentageOfStageName,
  profileNames,
  stageNames,
  stageTable,
} from "../../infra/rollout/stages.ts";
import type { StageOverride } from "../../infra/rollout/stages.ts";

const hour = 3600;
const week = 604_800;

describe("stageTable", () => {
  it.each(profileNames)("has the eight stages and retired, rising, in profile %s", (profile) => {
    const stages = stageTable(profile);
    expect(stages.map(({ name, percentage }) => [name, percentage])).toEqual([
      ["baseline", 0],
      ["shadow", 0],
      ["p5", 5],
      ["p10", 10],
      ["p25", 25],
      ["p50", 50],
      ["p75", 75],
      ["p100", 100],
      ["retired", 100],
    ]);
  });

  it.each(profileNames)(
    "deploys V1 alone first, both in between, V2 alone last (profile %s)",
    (profile) => {
      const deployed = stageTable(profile).map(({ pools }) => `${pools.v1}/${pools.v2}`);
      expect(deployed).toEqual(["true/false", ...Array<string>(7).fill("true/true"), "false/true"]);
    },
  );

  it("stays 1, 1, 2, 4 and 8 hours in profile accelerated, then for good, without approvals", () => {
    const stages = stageTable("accelerated").slice(2, 8);
    expect(stages.map(({ dwellSeconds }) => dwellSeconds)).toEqual([
      hour,
      hour,
      2 * hour,
      4 * hour,
      8 * hour,
      undefined,
    ]);
    expect(stages.some(({ approval }) => approval)).toBe(false);
  });

  it("asks for approval at 5, 25, 50 and 100 % in profile production and stays a week each", () => {
    const approved = stageTable("production").filter(({ approval }) => approval);
    expect(approved.map(({ name, dwellSeconds }) => [name, dwellSeconds])).toEqual([
      ["p5", week],
      ["p25", week],
      ["p50", week],
      ["p100", week],
    ]);
  });

  it("stays seconds in profile rehearsal", () => {
    for (const { dwellSeconds } of stageTable("rehearsal").slice(2, 7)) {
      expect(dwellSeconds).toBeGreaterThan(0);
      expect(dwellSeconds).toBeLessThan(60);
    }
  });

  it("replaces the profile's ladder, takes what a rung leaves out from the profile, and keeps the ends", () => {
    const stages = stageTable("production", [
      { name: "p1", percentage: 1, dwellMinutes: 30, approval: true },
      { name: "p25", percentage: 25 },
      { name: "p50", percentage: 50, dwellMinutes: 0, approval: false },
      { name: "p100", percentage: 100 },
    ]);
    expect(
      stages.map(({ name, percentage, dwellSeconds, approval }) => [
        name,
        percentage,
        dwellSeconds,
        approval,
      ]),
    ).toEqual([
      ["baseline", 0, 0, false],
      ["shadow", 0, 0, false],
      ["p1", 1, 1800, true],
      ["p25", 25, week, true],
      ["p50", 50, 0, false],
      ["p100", 100, week, true],
      ["retired", 100, undefined, false],
    ]);
  });

  it("refuses a ladder with problems", () => {
    expect(() => stageTable("accelerated", [])).toThrow(/does not end at 100 %/);
  });
});

describe("ladderProblems", () => {
  const last: StageOverride = { name: "p100", percentage: 100 };

  it("accepts a single step", () => {
    expect(ladderProblems("accelerated", [last])).toEqual([]);
  });

  it.each<[string, readonly StageOverride[], number | undefined, string | undefined]>([
    ["an empty ladder", [], undefined, undefined],
    ["an end below 100 %", [{ name: "p50", percentage: 50 }], undefined, undefined],
    ["a stage after 100 %", [last, { name: "p50", percentage: 50 }], 1, "percentage"],
    [
      "a name twice",
      [{ name: "p5", percentage: 5 }, { name: "p5", percentage: 5 }, last],
      1,
      "name",
    ],
    [
      "a fall",
      [{ name: "p25", percentage: 25 }, { name: "p10", percentage: 10 }, last],
      1,
      "percentage",
    ],
    ["a name of another percentage", [{ name: "p6", percentage: 5 }, last], 0, "name"],
    ["a name of its own", [{ name: "canary", percentage: 5 }, last], 0, "name"],
    ["0 %", [{ name: "p0", percentage: 0 }, last], 0, "name"],
    [
      "no dwell where the profile has none",
      [{ name: "p7", percentage: 7, approval: true }, last],
      0,
      "dwellMinutes",
    ],
    [
      "no approval where the profile has none",
      [{ name: "p7", percentage: 7, dwellMinutes: 1 }, last],
      0,
      "approval",
    ],
  ])("finds %s", (_, ladder, index, field) => {
    const places = ladderProblems("accelerated", ladder).map((problem) => [
      problem.index,
      problem.field,
    ]);
    expect(places).toContainEqual([index, field]);
  });
});

describe("findStage", () => {
  const stages = stageTable("accelerated");

  it("finds a stage by name", () => {
    expect(findStage(stages, "p25").percentage).toBe(25);
  });

  it("names the stages that there are when there is no such stage", () => {
    expect(() => findStage(stages, "p33")).toThrow(stageNames(stages).join(", "));
  });
});

describe("percentageOfStageName", () => {
  it.each(profileNames)("agrees with the table of profile %s", (profile) => {
    for (const { name, percentage } of stageTable(profile)) {
      expect(percentageOfStageName(name)).toBe(percentage);
    }
  });

  it.each(["", "p", "p0", "p05", "p101", "P5", "p5 ", "p5.5", "canary", "5"])(
    "knows no stage %j",
    (name) => {
      expect(percentageOfStageName(name)).toBeUndefined();
    },
  );
});
