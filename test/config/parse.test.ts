import { describe, expect, it } from "vitest";

import { parseConfig } from "../../infra/config/parse.ts";
import { settingsInForce } from "../../infra/rollout/evidence/settings.ts";
import { sampleConfig, sampleOrigin, sampleSecrets, sampleWith } from "./sample-config.ts";

const minimal = {
  v1: { image: "pool:1" },
  images: { router: "router:1", tools: "tools:1" },
  router: { agentToken: sampleSecrets.agentToken },
};

const defaultResources = {
  requests: { cpu: "50m", memory: "64Mi" },
  limits: { memory: "512Mi" },
};

describe("parseConfig", () => {
  it("reads a full configuration", () => {
    const { stage, stages, ...config } = parseConfig(sampleConfig(), sampleOrigin);
    expect(stage).toBe(stages[4]);
    expect(config).toEqual({
      ...settingsInForce("accelerated"),
      stack: "dev",
      namespace: "pool-migration-dev",
      profile: "accelerated",
      percentage: 25,
      flags: {
        poolV2Enabled: true,
        enhancedWorkers: false,
        circuitBreaker: false,
        telemetryV2: false,
        poolOptimizer: false,
        gradualRolloutPercentage: 25,
      },
      pool: {
        contract: "full",
        port: 8000,
        readinessPath: "/readyz",
        metricsPath: "/metrics",
        operationTimeoutSeconds: 30,
        drainTimeoutSeconds: 30,
        readyTimeoutSeconds: 120,
        idempotencyKeys: true,
      },
      v1: {
        image: "registry.example.com/pool:1.4.2",
        replicas: 3,
        autoscaling: undefined,
        resources: defaultResources,
        settings: { DATABASE_URL: sampleSecrets.setting, POOL_WORKERS: "4" },
      },
      v2: {
        image: `registry.example.com:5000/team/pool:2.0.0@sha256:${"0a".repeat(32)}`,
        replicas: 5,
        autoscaling: undefined,
        resources: defaultResources,
        settings: {
          DATABASE_URL: sampleSecrets.setting,
          POOL_WORKERS: "8",
          POOL_OPTIMIZER: "true",
        },
      },
      v2Limits: { memory: "512Mi" },
      router: {
        retire: false,
        serviceType: "ClusterIP",
        entry: "inline",
        image: "registry.example.com/router:1.0.0",
        toolsImage: `tools@sha256:${"9".repeat(64)}`,
        replicas: 2,
        sessionHeader: "x-session-id",
        agentToken: sampleSecrets.agentToken,
        overrideToken: sampleSecrets.overrideToken,
        brakeToken: sampleSecrets.brakeToken,
      },
      database: {
        host: "db.example.com",
        port: 5432,
        name: "pool_migration",
        admin: { user: "postgres", password: sampleSecrets.password },
        ssl: "require",
        keepMonths: 12,
        toolsImage: `tools@sha256:${"9".repeat(64)}`,
      },
    });
  });

  it("needs three images and a secret for the first stage", () => {
    const config = parseConfig(minimal, sampleOrigin);
    expect(config).toMatchObject({ percentage: 0, v2: undefined, database: undefined });
    expect(config.stage.name).toBe("baseline");
    expect(config.v1).toMatchObject({ image: "pool:1", replicas: 2, settings: {} });
    expect(config.router).toMatchObject({ overrideToken: undefined, brakeToken: undefined });
  });

  it("reads maps and lists as JSON text, as the engine hands them over", () => {
    const asText = Object.fromEntries(
      Object.entries(sampleConfig()).map(([key, value]) => [
        key,
        typeof value === "string" ? value : JSON.stringify(value),
      ]),
    );
    expect(parseConfig(asText, sampleOrigin)).toEqual(parseConfig(sampleConfig(), sampleOrigin));
  });

  it("reads numbers and booleans that were stored as text", () => {
    const raw = sampleWith({
      "pool/port": "9000",
      "pool/idempotencyKeys": "false",
      "v1/replicas": "7",
      "flags/poolV2Enabled": "true",
    });
    const config = parseConfig(raw, sampleOrigin);
    expect(config.pool).toMatchObject({ port: 9000, idempotencyKeys: false });
    expect(config.v1?.replicas).toBe(7);
    expect(config.percentage).toBe(25);
  });

  it("commands 0 % at any stage while V2 is not enabled, and still deploys it", () => {
    const config = parseConfig(sampleWith({ flags: undefined, stage: "p75" }), sampleOrigin);
    expect(config.percentage).toBe(0);
    expect(config.flags.gradualRolloutPercentage).toBe(75);
    expect(config.v2).toBeDefined();
  });

  it.each([
    ["baseline", true, false],
    ["shadow", true, true],
    ["p5", true, true],
    ["p100", true, true],
    ["retired", false, true],
  ])("deploys at %s: V1 %s, V2 %s", (stage, v1, v2) => {
    const config = parseConfig(sampleWith({ stage }), sampleOrigin);
    expect([config.v1 !== undefined, config.v2 !== undefined]).toEqual([v1, v2]);
  });

  it("does not ask for an image that the stage does not deploy", () => {
    expect(parseConfig(sampleWith({ stage: "baseline", v2: undefined }), sampleOrigin).v2).toBe(
      undefined,
    );
    expect(parseConfig(sampleWith({ stage: "retired", v1: undefined }), sampleOrigin).v1).toBe(
      undefined,
    );
  });

  it("needs the tools until the router retires, and then only for a database", () => {
    const retired = { stage: "retired", "router/retire": true, "images/tools": undefined };
    const { router } = parseConfig(sampleWith({ ...retired, database: {} }), sampleOrigin);
    expect(router.retire).toBe(true);
    expect(() => parseConfig(sampleWith(retired), sampleOrigin)).toThrow(
      /images\.tools is missing/,
    );
  });

  it("knows V2's limits at stages that do not deploy it", () => {
    const change = { stage: "baseline", "v2/resources": { limits: { cpu: "1500m" } } };
    const { v2, v2Limits } = parseConfig(sampleWith(change), sampleOrigin);
    expect(v2).toBeUndefined();
    expect(v2Limits).toEqual({ cpu: "1500m", memory: "512Mi" });
  });

  it("takes a ladder of the user's own", () => {
    const stages = [
      { name: "p1", percentage: "1", dwellMinutes: 5, approval: "true" },
      { name: "p100", percentage: 100 },
    ];
    const config = parseConfig(sampleWith({ stages, stage: "p1" }), sampleOrigin);
    expect(config.stages.map(({ name }) => name)).toEqual([
      "baseline",
      "shadow",
      "p1",
      "p100",
      "retired",
    ]);
    expect(config.stage).toMatchObject({ percentage: 1, dwellSeconds: 300, approval: true });
  });

  it.each([
    "pool:1",
    "localhost:5000/pool:dev",
    "docker.io/local/pool:0a1b2c3d",
    "123456789012.dkr.ecr.eu-central-1.amazonaws.com/team/pool_v2:2024.1.0-rc.1",
    `ghcr.io/a/b__c/d-e@sha256:${"f".repeat(64)}`,
    "pool:latest-2024",
  ])("accepts the image %s", (image) => {
    expect(parseConfig(sampleWith({ "v1/image": image }), sampleOrigin).v1?.image).toBe(image);
  });

  it("writes the session header in lower case, as HTTP/2 does", () => {
    const raw = sampleWith({ "router/sessionHeader": "X-Tenant-Session" });
    expect(parseConfig(raw, sampleOrigin).router).toMatchObject({
      sessionHeader: "x-tenant-session",
    });
  });

  it.each(["10.88.0.1", "db", "fd00::1", "db-1.internal.example.com"])(
    "accepts the database host %s",
    (host) => {
      expect(parseConfig(sampleWith({ "database/host": host }), sampleOrigin).database?.host).toBe(
        host,
      );
    },
  );
});
