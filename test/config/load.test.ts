import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import * as pulumi from "@pulumi/pulumi";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { loadConfig } from "../../infra/config/load.ts";
import { promiseOf } from "../lib/promise-of.ts";
import { sampleConfig, sampleSecrets, sampleWith } from "./sample-config.ts";

const secretKeys = ["pool", "router", "database"].map((key) => `pool-migration:${key}`);

/** Hands a configuration over as the engine does: qualified keys, everything text. */
function setConfig(raw: Record<string, unknown>, secrets: string[] = secretKeys): void {
  const entries = Object.entries(raw).map(([key, value]) => [
    key.includes(":") ? key : `pool-migration:${key}`,
    typeof value === "string" ? value : JSON.stringify(value),
  ]);
  pulumi.runtime.setAllConfig(Object.fromEntries(entries) as Record<string, string>, secrets);
}

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "pool-migration-config-"));
  vi.spyOn(pulumi, "getRootDirectory").mockReturnValue(directory);
});

afterEach(() => {
  vi.restoreAllMocks();
  pulumi.runtime.setAllConfig({});
  rmSync(directory, { recursive: true });
});

describe("loadConfig", () => {
  it("reads the namespace of the project and no other", () => {
    setConfig({
      ...sampleConfig(),
      "aws:region": "eu-central-1",
      "pool-migration-other:stage": "nonsense",
    });
    const config = loadConfig("dev");
    expect(config.stage.name).toBe("p25");
    expect(config.namespace).toBe("pool-migration-dev");
  });

  it("keeps secrets secret and everything else plain", async () => {
    setConfig(sampleConfig());
    const { router, database, v1, v2, pool } = loadConfig("dev");
    if (router.retire) throw new Error("The sample has a router.");
    const secrets = [
      [router.agentToken, sampleSecrets.agentToken],
      [router.overrideToken, sampleSecrets.overrideToken],
      [router.brakeToken, sampleSecrets.brakeToken],
      [database?.admin.password, sampleSecrets.password],
      [v1?.settings.DATABASE_URL, sampleSecrets.setting],
      [v2?.settings.DATABASE_URL, sampleSecrets.setting],
    ] as const;
    for (const [output, value] of secrets) {
      expect(pulumi.Output.isInstance(output)).toBe(true);
      expect(await pulumi.isSecret(pulumi.output(output))).toBe(true);
      expect(await promiseOf(output)).toBe(value);
    }
    expect(pool.port).toBe(8000);
    expect(v2?.image).toMatch(/^registry/);
  });

  it("leaves settings plain where their keys hold no secret", () => {
    setConfig(
      sampleWith({ "pool/settings": { A: "1" }, "v2/settings": { B: "2" } }),
      secretKeys.filter((key) => !key.endsWith(":pool")),
    );
    const { v1, v2 } = loadConfig("dev");
    expect(v1?.settings).toEqual({ A: "1" });
    expect(v2?.settings).toEqual({ A: "1", B: "2" });
  });

  it("keeps V2's settings secret, and V1's plain, where only v2 holds a secret", () => {
    setConfig(sampleWith({ "pool/settings": { A: "1" } }), [
      "pool-migration:v2",
      "pool-migration:router",
      "pool-migration:database",
    ]);
    const { v1, v2 } = loadConfig("dev");
    expect(v1?.settings).toEqual({ A: "1" });
    expect(
      Object.values(v2?.settings ?? {}).every((value) => pulumi.Output.isInstance(value)),
    ).toBe(true);
  });

  it("reads what the project file declares as defaults", () => {
    setConfig({ ...sampleConfig(), stages: [], flags: {}, database: {} });
    expect(loadConfig("dev")).toMatchObject({ percentage: 0, database: undefined });
  });

  it("throws one RunError, which Pulumi prints without a stack trace", () => {
    setConfig(sampleWith({ stage: "p33", "pool/port": 0 }));
    expect(() => loadConfig("dev")).toThrow(pulumi.RunError);
    expect(() => loadConfig("dev")).toThrow(/has 2 problems[^]*:stage is "p33"[^]*pool\.port is 0/);
  });

  it("refuses a token that was set without --secret", () => {
    setConfig(sampleConfig(), []);
    expect(() => loadConfig("dev")).toThrow(/agentToken is stored in clear/);
    expect(() => loadConfig("dev")).toThrow(/override\.token is stored in clear/);
    expect(() => loadConfig("dev")).toThrow(/admin\.password is stored in clear/);
  });

  it("refuses a token that the stack's file holds in clear beside an encrypted one", () => {
    setConfig(sampleConfig());
    writeFileSync(
      join(directory, "Pulumi.dev.yaml"),
      `config: { "pool-migration:router": { agentToken: { secure: v1:x }, override: { token: y } } }`,
    );
    expect(() => loadConfig("dev")).toThrow(/has 1 problem;[^]*override\.token is stored in clear/);
  });
});
