import { describe, expect, it } from "vitest";

import { configKeys, findKey, formatPath } from "../../infra/config/keys.ts";

describe("configKeys", () => {
  it("has each path once, with a description of its own", () => {
    const paths = configKeys.map(({ path }) => path);
    expect(new Set(paths).size).toBe(paths.length);
    expect(new Set(configKeys.map(({ description }) => description)).size).toBe(paths.length);
  });

  it("marks exactly the tokens and the password as secrets that must be", () => {
    expect(
      configKeys.filter(({ secret }) => secret === "required").map(({ path }) => path),
    ).toEqual([
      "router.agentToken",
      "router.override.token",
      "router.brakeToken",
      "database.admin.password",
    ]);
  });
});

describe("findKey", () => {
  it.each<[readonly (string | number)[], string | undefined]>([
    [["stage"], "stage"],
    [["pool", "port"], "pool.port"],
    [["stages", 12, "name"], "stages[].name"],
    [["pool", "settings", "A.B"], "pool.settings.*"],
    [["pool", "settings"], undefined],
    [["pool", "settings", "A", "B"], undefined],
    [["pool"], undefined],
    [["pool", "prot"], undefined],
  ])("of %j is %s", (path, expected) => {
    expect(findKey(path)?.path).toBe(expected);
  });
});

describe("formatPath", () => {
  it.each<[readonly (string | number)[], string]>([
    [["stage"], "stage"],
    [["stages", 0, "name"], "stages[0].name"],
    [["pool", "settings", "A B"], 'pool.settings["A B"]'],
    [["pool", "settings", "A.B"], 'pool.settings["A.B"]'],
  ])("writes %j as pulumi config --path reads it", (path, expected) => {
    expect(formatPath(path)).toBe(expected);
  });
});
