import { describe, expect, it } from "vitest";

import { flagdFile } from "../../infra/rollout/flagd-file.ts";
import { defaultFlags } from "../../infra/rollout/flags.ts";
import { compareGraphs, findResource } from "../lib/graph.ts";
import { exampleGraph, types } from "./example-stack.ts";

describe("ConfigMap pool-flags", () => {
  it.each(["baseline", "p25", "retired"])("holds the file of flags at %s", async (stage) => {
    const graph = await exampleGraph(stage, {
      flags: { poolV2Enabled: true, circuitBreaker: true },
    });
    const { metadata, data } = findResource(graph, types.configMap, "pool-flags").inputs;
    expect(metadata).toMatchObject({ name: "pool-flags", namespace: "pool-migration-dev" });
    expect(data).toEqual({ "flags.json": flagdFile({ ...defaultFlags, circuitBreaker: true }) });
  });

  it("is all that changes with a flag of the pools, so that no pod is replaced", async () => {
    const before = await exampleGraph("p25");
    const after = await exampleGraph("p25", {
      flags: { poolV2Enabled: true, enhancedWorkers: true },
    });
    expect(compareGraphs(before, after)).toEqual({
      added: [],
      removed: [],
      changed: [`${types.configMap} pool-flags`],
    });
  });

  it("does not change with the stage or with the flag that lets V2 take traffic", async () => {
    const before = await exampleGraph("p25");
    for (const [stage, poolV2Enabled] of [
      ["p50", true],
      ["p25", false],
    ] as const) {
      const after = await exampleGraph(stage, { flags: { poolV2Enabled } });
      expect(compareGraphs(before, after).changed).toEqual([`${types.configMap} rollout`]);
    }
  });
});
