import { describe, expect, it } from "vitest";
import { parseConfig } from "../../infra/config/parse.ts";
import { imageProbes } from "../../scripts/preflight/probes.ts";
import { sampleOrigin, sampleWith } from "../config/sample-config.ts";

const probesOf = (changes: Readonly<Record<string, unknown>>) =>
  imageProbes(parseConfig(sampleWith(changes), sampleOrigin));
const keysOf = (changes: Readonly<Record<string, unknown>>) =>
  probesOf(changes).map(({ key }) => key.join("."));
const retired = { stage: "retired", "router/retire": true };

describe("the images that preflight tries", () => {
  it.each([
    { stage: "baseline", keys: ["v1.image", "images.router", "images.tools"] },
    { stage: "p5", keys: ["v1.image", "v2.image", "images.router", "images.tools"] },
    { stage: "retired", keys: ["v2.image", "images.router", "images.tools"] },
  ])("are at $stage, with or without a database, $keys", ({ stage, keys }) => {
    expect(keysOf({ stage })).toEqual(keys);
    expect(keysOf({ stage, database: undefined })).toEqual(keys);
  });

  it("are without a router V2's, and the tools where there is a database", () => {
    expect(keysOf(retired)).toEqual(["v2.image", "images.tools"]);
    expect(keysOf({ ...retired, database: undefined })).toEqual(["v2.image"]);
  });

  it("are asked for what the pods are started with, and the tools for the database", () => {
    const tools = (changes: object) =>
      probesOf({ ...changes }).find(({ name }) => name === "tools");
    expect(tools({})?.command.at(-1)).toContain('["guard", "migrate"]');
    expect(tools({})?.env).toEqual({ PGHOST: "db.example.com", PGPORT: "5432" });
    expect(tools({ database: undefined })?.env).toBeUndefined();
  });
});
