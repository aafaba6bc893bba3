import { describe, expect, it } from "vitest";

import { parseConfig } from "../../infra/config/parse.ts";
import { settingsInForce } from "../../infra/rollout/evidence/settings.ts";
import { sampleOrigin, sampleWith } from "./sample-config.ts";

const parseWith = (changes: Readonly<Record<string, unknown>>) =>
  parseConfig(sampleWith(changes), sampleOrigin);

describe("pool.contract", () => {
  it("none expects nothing of a server but an answer", () => {
    expect(parseWith({ "pool/contract": "none" }).pool).toMatchObject({
      contract: "none",
      readinessPath: "/",
      idempotencyKeys: false,
    });
  });

  it("none takes what the user knows about the service", () => {
    const pool = { contract: "none", readinessPath: "/health", idempotencyKeys: true };
    expect(parseWith({ pool }).pool).toMatchObject(pool);
  });
});

describe("pods", () => {
  it("are as many as declared, or as an autoscaler chooses", () => {
    expect(parseWith({ "v2/replicas/max": 5 }).v2).toMatchObject({
      replicas: 5,
      autoscaling: { max: 5 },
    });
    expect(parseWith({}).v2).toMatchObject({ replicas: 5, autoscaling: undefined });
  });

  it("get what is asked for, in text or numbers", () => {
    const resources = { requests: { cpu: 1, memory: "1Gi" }, limits: { cpu: 1.5, memory: "2G" } };
    expect(parseWith({ "v2/resources": resources }).v2?.resources).toEqual({
      requests: { cpu: "1", memory: "1Gi" },
      limits: { cpu: "1.5", memory: "2G" },
    });
  });
});

describe("the way of the callers", () => {
  it.each(["baseline", "shadow", "p5", "p50", "p100"])(
    "leads past the router at 0 %% at %s",
    (stage) => {
      const config = parseWith({ stage, "router/entry": "beside" });
      expect(config).toMatchObject({ percentage: 0, router: { retire: false, entry: "beside" } });
    },
  );

  it("leads to V2 without a router, and asks for nothing of one", () => {
    const config = parseWith({
      stage: "retired",
      router: { retire: true, serviceType: "LoadBalancer" },
      "images/router": undefined,
    });
    expect(config.router).toEqual({ retire: true, serviceType: "LoadBalancer", entry: "inline" });
    expect(config.percentage).toBe(100);
  });
});

describe("thresholds, evidence and guard", () => {
  it("are the profile's where nothing is set", () => {
    for (const profile of ["accelerated", "production", "rehearsal"] as const) {
      expect(parseWith({ profile })).toMatchObject(settingsInForce(profile));
    }
  });

  it("take what is set, as number or text, and leave the rest", () => {
    const config = parseWith({
      "thresholds/alert/p99Milliseconds": "350.5",
      "evidence/ladder": [{ percentage: "5", ratio: "7.5" }],
      "evidence/slowMilliseconds": 800,
      "guard/replicas": "3",
    });
    const standard = settingsInForce("accelerated");
    expect(config.thresholds).toEqual({
      ...standard.thresholds,
      alert: { ...standard.thresholds.alert, p99Milliseconds: 350.5 },
    });
    expect(config.evidence).toEqual({
      ...standard.evidence,
      slowMilliseconds: 800,
      ladder: [{ percentage: 5, ratio: 7.5 }],
    });
    expect(config.guard).toEqual({ ...standard.guard, replicas: 3 });
  });
});
