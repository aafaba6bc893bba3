import { describe, expect, it } from "vitest";
import { settingsInForce } from "../../infra/rollout/evidence/settings.ts";
import { evaluationSettings } from "../../infra/rollout/guard-settings.ts";
import type { GuardPodSettings } from "../../infra/rollout/guard-settings.ts";
import type { GraphConfig } from "../lib/graph.ts";
import { exampleGraph, exampleRouter } from "./example-stack.ts";
import { guardSettingsOf } from "./guard-workload.ts";

const settingsWith = async (other: GraphConfig): Promise<GuardPodSettings> =>
  guardSettingsOf(await exampleGraph("p25", other));
const v2 = (resources: object) => ({ v2: { image: "registry.test/pool:2", resources } });

describe("the guard's settings", () => {
  it("are what its program reads, from the configuration in force", async () => {
    const { evidence, guard, thresholds } = settingsInForce("accelerated");
    const read = await settingsWith({});
    expect(read).toMatchObject({
      port: 9090,
      agents: {
        host: "router-agents.pool-migration-dev.svc.cluster.local.",
        port: 9090,
        expected: 2,
      },
      v2: {
        metrics: { port: 9090, path: "/metrics" },
        cpuLimitCores: null,
        memoryLimitBytes: 512 * 2 ** 20,
      },
      guard,
    });
    expect(evaluationSettings(read)).toEqual({
      evidence,
      thresholds,
      intervals: { evaluation: 1000, figures: 5000 },
      controlledStages: 5,
      figures: ["memoryPercent", "memoryBytesPerPod", "workers", "workerFailures"],
    });
  });

  it("follow the router's size, V2's limits, the profile and the ladder", async () => {
    const { agents } = await settingsWith(exampleRouter({ replicas: 3 }));
    expect(agents.expected).toBe(3);
    const limited = await settingsWith(v2({ limits: { cpu: "1500m", memory: "1G" } }));
    expect(limited.v2).toMatchObject({ cpuLimitCores: 1.5, memoryLimitBytes: 1e9 });
    expect(limited.evaluation.figures).toContain("cpuPercent");
    const rehearsed = await settingsWith({ profile: "rehearsal", guard: { intervalSeconds: 0.5 } });
    expect(rehearsed.evaluation.intervals).toEqual({ evaluation: 500, figures: 1000 });
    const ladder = [25, 99, 100].map((percentage) => ({
      name: `p${String(percentage)}`,
      percentage,
      dwellMinutes: 1,
      approval: false,
    }));
    expect((await settingsWith({ stages: ladder })).evaluation.controlledStages).toBe(2);
  });

  it("expect no figures of pools without a contract", async () => {
    const read = await settingsWith({
      pool: { contract: "none" },
      ...v2({ limits: { cpu: "1" } }),
    });
    expect(read.v2).toMatchObject({ metrics: null, cpuLimitCores: 1 });
    expect(read.evaluation.figures).toEqual([]);
  });
});
