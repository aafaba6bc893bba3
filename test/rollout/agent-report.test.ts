import { describe, expect, it } from "vitest";

import { agentReportSchema } from "../../infra/rollout/agent-report.ts";
import type { AgentReport } from "../../infra/rollout/agent-report.ts";

const report: AgentReport = {
  pod: "router-5d4f-abcde",
  revision: "r42.7",
  appliedPercentage: 25,
  commanded: { revision: "r42.7", stage: "p25", percentage: 25 },
  brake: {
    engaged: true,
    engagements: [{ id: "20261123T101500Z-0a1b2c", who: "ann", when: "", why: "drill" }],
  },
  waiting: null,
  readyHosts: { v1: 2, v2: 2 },
  inFlight: { v1: 0, v2: 0 },
  decisions: {
    v1: { requests: 75, failed: 0, fallbacks: 0 },
    v2: { requests: 25, failed: 1, fallbacks: 2 },
  },
  overrides: { v1: 0, v2: 3 },
  log: { linesRead: 100, unreadableLines: 0, lostLines: 0 },
  apiServer: { reachable: true, secondsSinceContact: 0.25 },
};

describe("agentReportSchema", () => {
  it("accepts a report as it crosses the wire", () => {
    expect(agentReportSchema.parse(JSON.parse(JSON.stringify(report)))).toEqual(report);
  });

  it.each<[string, unknown]>([
    ["a percentage over 100", { ...report, appliedPercentage: 101 }],
    ["a fraction of a request", { ...report, overrides: { v1: 0.5, v2: 0 } }],
    ["a negative count", { ...report, readyHosts: { v1: -1, v2: 0 } }],
    ["no commanded state", { ...report, commanded: undefined }],
    ["waiting that is left out", { ...report, waiting: undefined }],
  ])("refuses %s", (_, broken) => {
    expect(agentReportSchema.safeParse(broken).success).toBe(false);
  });
});
