import { describe, expect, it } from "vitest";

import { ConfigError } from "../../infra/config/messages.ts";
import { parseConfig } from "../../infra/config/parse.ts";
import type { ConfigOrigin } from "../../infra/config/parse.ts";
import { runPulumiConfig } from "./pulumi-config.ts";
import { sampleOrigin, sampleSecrets, sampleWith } from "./sample-config.ts";

const image = "an image reference with a digest or a tag other than latest";
const set = (path: string, value: string) =>
  `pulumi config set --path 'pool-migration:${path}' ${value}`;
const remove = (path: string) => `pulumi config rm --path 'pool-migration:${path}'`;
const newToken = (path: string) =>
  `pulumi config set --secret --path 'pool-migration:${path}' "$(openssl rand -hex 32)"`;

interface BadInput {
  /** What is changed in the sample. */
  readonly change: Readonly<Record<string, unknown>>;
  /** The key that the message names. */
  readonly key: string;
  /** What it says about the value. */
  readonly value: string;
  /** What it says is allowed. */
  readonly allowed: string;
  /** The command that it ends with. */
  readonly fix: string;
  readonly origin?: Partial<ConfigOrigin>;
}

const badInputs: Readonly<Record<string, BadInput>> = {
  "an unknown key": {
    change: { speed: "9" },
    key: "speed",
    value: "is not a key of this program",
    allowed: "must be one of stage, profile, stages, flags, pool, v1, v2, router, images, database",
    fix: "pulumi config rm pool-migration:speed",
  },
  "a misspelt top-level key": {
    change: { satge: "p5" },
    key: "satge",
    value: "is not a key of this program",
    allowed: "did you mean pool-migration:stage",
    fix: "pulumi config rm pool-migration:satge",
  },
  "a misspelt nested key": {
    change: { "v2/replicas/minimum": 3 },
    key: "v2.replicas.minimum",
    value: "is not a key of this program",
    allowed: "must be one of min",
    fix: remove("v2.replicas.minimum"),
  },
  "a key of another section": {
    change: { "v1/readinessPath": "/" },
    key: "v1.readinessPath",
    value: "is not a key of this program",
    allowed: "did you mean pool-migration:pool.readinessPath",
    fix: remove("v1.readinessPath"),
  },
  "a flag in another spelling": {
    change: { "flags/pool_v2_enabled": true },
    key: "flags.pool_v2_enabled",
    value: "is not a key of this program",
    allowed: "did you mean pool-migration:flags.poolV2Enabled",
    fix: remove("flags.pool_v2_enabled"),
  },
  "the percentage as a flag": {
    change: { "flags/gradual_rollout_percentage": 5 },
    key: "flags.gradual_rollout_percentage",
    value: "cannot be set, because the percentage follows from the stage",
    allowed: "set the stage instead",
    fix: `${remove("flags.gradual_rollout_percentage")} && pulumi config set pool-migration:stage p5`,
  },
  "a path that was set without --path": {
    change: { "v1.image": "pool:1" },
    key: "v1.image",
    value: 'is one name, but "v1.image" is a path',
    allowed: "the command needs --path",
    fix: `pulumi config rm pool-migration:v1.image && ${set("v1.image", "registry.example.com/pool:1.0.0")}`,
  },
  "101 %": {
    change: { stages: [{ name: "p101", percentage: 101 }] },
    key: "stages[0].percentage",
    value: "is 101,",
    allowed: "must be an integer from 1 to 100",
    fix: set("stages[0].percentage", "5"),
  },
  "a fraction of a per cent": {
    change: { stages: [{ name: "p2", percentage: 2.5 }] },
    key: "stages[0].percentage",
    value: "is 2.5,",
    allowed: "must be an integer from 1 to 100",
    fix: set("stages[0].percentage", "5"),
  },
  "two stages with one name": {
    change: {
      stages: [
        { name: "p5", percentage: 5 },
        { name: "p5", percentage: 5 },
        { name: "p100", percentage: 100 },
      ],
      stage: "p5",
    },
    key: "stages[1].name",
    value: 'is "p5", which names a stage that the ladder already has',
    allowed: "use each name once",
    fix: remove("stages[1]"),
  },
  "a ladder that falls": {
    change: {
      stages: [
        { name: "p25", percentage: 25 },
        { name: "p10", percentage: 10 },
        { name: "p100", percentage: 100 },
      ],
    },
    key: "stages[1].percentage",
    value: "is 10, which does not rise above the 25 % before it",
    allowed: "use percentages that rise from stage to stage",
    fix: set("stages[1].percentage", "26"),
  },
  "a ladder that does not end at 100 %": {
    change: { stages: [{ name: "p25", percentage: 25 }] },
    key: "stages",
    value: "does not end at 100 %",
    allowed: 'must have a last stage {"name": "p100", "percentage": 100}',
    fix: `${set("stages[1].name", "p100")} && ${set("stages[1].percentage", "100")}`,
  },
  "a stage whose name is not its percentage": {
    change: {
      stages: [
        { name: "canary", percentage: 25 },
        { name: "p100", percentage: 100 },
      ],
    },
    key: "stages[0].name",
    value: 'is "canary", which does not fit its percentage, 25',
    allowed: 'use "p25"',
    fix: set("stages[0].name", "p25"),
  },
  "a stage without a dwell that the profile lacks": {
    change: {
      stages: [
        { name: "p25", percentage: 25 },
        { name: "p30", percentage: 30, approval: false },
        { name: "p100", percentage: 100 },
      ],
    },
    key: "stages[1].dwellMinutes",
    value: "is missing",
    allowed: "use minutes, 0 or more",
    fix: set("stages[1].dwellMinutes", "60"),
  },
  "a map where a ladder belongs": {
    change: { stages: { name: "p100" } },
    key: "stages",
    value: "is a map,",
    allowed: "must be a list whose items are a map of name, percentage, dwellMinutes, approval",
    fix: "pulumi config rm pool-migration:stages",
  },
  "an unknown stage": {
    change: { stage: "canary" },
    key: "stage",
    value: 'is "canary",',
    allowed: "must be a stage: baseline, shadow, p5, p10, p25, p50, p75, p100, retired",
    fix: "pulumi config set pool-migration:stage p5",
  },
  "a stage of another ladder": {
    change: { stage: "p33" },
    key: "stage",
    value: 'is "p33",',
    allowed: "must be a stage of the ladder in force: baseline, shadow, p5,",
    fix: "pulumi config set pool-migration:stage p5",
  },
  "a stage given as a number": {
    change: { stage: "5" },
    key: "stage",
    value: 'is "5",',
    allowed: "must be a stage: baseline,",
    fix: "pulumi config set pool-migration:stage p5",
  },
  "an unknown profile": {
    change: { profile: "careful" },
    key: "profile",
    value: 'is "careful",',
    allowed: "must be accelerated, production, rehearsal",
    fix: "pulumi config set pool-migration:profile accelerated",
  },
  "retirement while V2 is switched off": {
    change: { stage: "retired", flags: {} },
    key: "flags.poolV2Enabled",
    value: "is false,",
    allowed: "must be true at stage retired, because V1 is gone there",
    fix: set("flags.poolV2Enabled", "true"),
  },
  "a flag that is neither true nor false": {
    change: { "flags/telemetryV2": "yes" },
    key: "flags.telemetryV2",
    value: 'is "yes",',
    allowed: "must be true or false",
    fix: set("flags.telemetryV2", "true"),
  },
  "no V2 image at shadow": {
    change: { stage: "shadow", "v2/image": undefined },
    key: "v2.image",
    value: "is missing,",
    allowed: `must be ${image} at stage shadow`,
    fix: set("v2.image", "registry.example.com/pool:2.0.0"),
  },
  "no V2 image at p5": {
    change: { stage: "p5", v2: undefined },
    key: "v2.image",
    value: "is missing,",
    allowed: `must be ${image} at stage p5`,
    fix: set("v2.image", "registry.example.com/pool:2.0.0"),
  },
  "no V1 image": {
    change: { "v1/image": undefined },
    key: "v1.image",
    value: "is missing,",
    allowed: `must be ${image} at stage p25`,
    fix: set("v1.image", "registry.example.com/pool:1.0.0"),
  },
  "an image with a space": {
    change: { "v2/image": "pool :2.0" },
    key: "v2.image",
    value: 'is "pool :2.0",',
    allowed: `must be ${image}`,
    fix: set("v2.image", "registry.example.com/pool:2.0.0"),
  },
  "an image without a tag": {
    change: { "v2/image": "localhost:5000/pool" },
    key: "v2.image",
    value: 'is "localhost:5000/pool",',
    allowed: `must be ${image}`,
    fix: set("v2.image", "registry.example.com/pool:2.0.0"),
  },
  "an image that changes under its tag": {
    change: { "v1/image": "pool:latest" },
    key: "v1.image",
    value: 'is "pool:latest",',
    allowed: `must be ${image}`,
    fix: set("v1.image", "registry.example.com/pool:1.0.0"),
  },
  "an image with a broken digest": {
    change: { "images/router": "router@sha256:abc" },
    key: "images.router",
    value: 'is "router@sha256:abc",',
    allowed: `must be ${image}`,
    fix: set("images.router", "registry.example.com/router:1.0.0"),
  },
  "no router image": {
    change: { "images/router": undefined },
    key: "images.router",
    value: "is missing,",
    allowed: `must be ${image}`,
    fix: set("images.router", "registry.example.com/router:1.0.0"),
  },
  "a database without the image that migrates it": {
    change: { "images/tools": undefined },
    key: "images.tools",
    value: "is missing,",
    allowed: `must be ${image} where database is set`,
    fix: set("images.tools", "registry.example.com/tools:1.0.0"),
  },
  "a placeholder": {
    change: { "v2/image": "<v2-image>" },
    key: "v2.image",
    value: 'is still the placeholder "<v2-image>",',
    allowed: `must be ${image}`,
    fix: set("v2.image", "registry.example.com/pool:2.0.0"),
  },
  "no V1 pods": {
    change: { "v1/replicas": 0 },
    key: "v1.replicas",
    value: "is 0,",
    allowed: "must be an integer from 1 to 1000",
    fix: set("v1.replicas", "2"),
  },
  "a negative number of V2 pods": {
    change: { "v2/replicas/min": -1 },
    key: "v2.replicas.min",
    value: "is -1,",
    allowed: "must be an integer from 1 to 1000",
    fix: set("v2.replicas.min", "2"),
  },
  "a number where a map belongs": {
    change: { "v2/replicas": 2 },
    key: "v2.replicas",
    value: "is a number (not shown),",
    allowed: "must be a map of min",
    fix: remove("v2.replicas"),
  },
  "a number with a unit": {
    change: { "pool/operationTimeoutSeconds": "5s" },
    key: "pool.operationTimeoutSeconds",
    value: 'is "5s",',
    allowed: "must be a whole number of seconds from 1 to 300",
    fix: set("pool.operationTimeoutSeconds", "30"),
  },
  "a number with a leading zero": {
    change: { "router/replicas": "03" },
    key: "router.replicas",
    value: 'is "03",',
    allowed: "must be an integer from 1 to 100",
    fix: set("router.replicas", "2"),
  },
  "a port out of range": {
    change: { "pool/port": 65_536 },
    key: "pool.port",
    value: "is 65536,",
    allowed: "must be an integer from 1 to 65535",
    fix: set("pool.port", "8080"),
  },
  "a readiness path that is none": {
    change: { "pool/readinessPath": "readyz" },
    key: "pool.readinessPath",
    value: 'is "readyz",',
    allowed: 'must be a path that begins with "/", without spaces and "#"',
    fix: set("pool.readinessPath", "/readyz"),
  },
  "an operation timeout beyond the contract": {
    change: { "pool/operationTimeoutSeconds": 301 },
    key: "pool.operationTimeoutSeconds",
    value: "is 301,",
    allowed: "must be a whole number of seconds from 1 to 300",
    fix: set("pool.operationTimeoutSeconds", "30"),
  },
  "a drain shorter than an operation": {
    change: { "pool/operationTimeoutSeconds": 60 },
    key: "pool.drainTimeoutSeconds",
    value: "is 30,",
    allowed: "must be at least pool.operationTimeoutSeconds (60)",
    fix: set("pool.drainTimeoutSeconds", "60"),
  },
  "a ready timeout of nothing": {
    change: { "pool/readyTimeoutSeconds": 0 },
    key: "pool.readyTimeoutSeconds",
    value: "is 0,",
    allowed: "must be a whole number of seconds from 10 to 3600",
    fix: set("pool.readyTimeoutSeconds", "120"),
  },
  "a setting that the program sets itself": {
    change: { "pool/settings/POOL_PORT": 9000 },
    key: "pool.settings.POOL_PORT",
    value: "cannot be set,",
    allowed: "the program sets it from pool.port",
    fix: remove("pool.settings.POOL_PORT"),
  },
  "a setting that V2's pods are given": {
    change: { "v2/settings/POOL_SETTLE_S": 0 },
    key: "v2.settings.POOL_SETTLE_S",
    value: "cannot be set,",
    allowed: "the program sets it from the time that the router needs to notice",
    fix: remove("v2.settings.POOL_SETTLE_S"),
  },
  "a setting that is no environment variable": {
    change: { "v2/settings/pool-workers": 9 },
    key: "v2.settings.pool-workers",
    value: "is no name of an environment variable,",
    allowed: "must be of letters, digits and underscores, no digit first",
    fix: remove("v2.settings.pool-workers"),
  },
  "a setting that JSON has rounded": {
    change: { "v2/settings/ACCOUNT": 2 ** 60 },
    key: "v2.settings.ACCOUNT",
    value: "is a number (not shown),",
    allowed: "must be text, true, false or a number",
    fix: set("v2.settings.ACCOUNT", "'value'"),
  },
  "a malformed header name": {
    change: { "router/sessionHeader": "x session" },
    key: "router.sessionHeader",
    value: 'is "x session",',
    allowed: "must be a header name of letters, digits and hyphens",
    fix: set("router.sessionHeader", "x-session-id"),
  },
  "a header with a meaning of its own": {
    change: { "router/sessionHeader": "X-Request-Id" },
    key: "router.sessionHeader",
    value: 'is "X-Request-Id",',
    allowed: "without a meaning of its own",
    fix: set("router.sessionHeader", "x-session-id"),
  },
  "no agent token": {
    change: { router: {} },
    key: "router.agentToken",
    value: "is missing,",
    allowed: "must be a secret of 16 to 256 printable characters without spaces and commas",
    fix: newToken("router.agentToken"),
  },
  "an agent token in clear": {
    change: {},
    origin: { secretKeys: new Set(["pool", "database"]) },
    key: "router.agentToken",
    value: "is stored in clear,",
    allowed: "must be a secret, and a new one",
    fix: newToken("router.agentToken"),
  },
  "a token in clear beside an encrypted one": {
    change: {},
    origin: { clearPaths: ["router.override.token"] },
    key: "router.override.token",
    value: "is stored in clear,",
    allowed: "must be a secret, and a new one",
    fix: newToken("router.override.token"),
  },
  "a token that can be guessed": {
    change: { "router/agentToken": "swordfish" },
    key: "router.agentToken",
    value: "is a string (not shown),",
    allowed: "must be a secret of 16 to 256 printable characters",
    fix: newToken("router.agentToken"),
  },
  "a token with a comma, which a repeated header could be": {
    change: { "router/override/token": "0123456789abcdef,0123456789abcdef" },
    key: "router.override.token",
    value: "is a string (not shown),",
    allowed: "without spaces and commas",
    fix: newToken("router.override.token"),
  },
  "testers with the agents' token": {
    change: { "router/override/token": sampleSecrets.agentToken },
    key: "router.override.token",
    value: "equals router.agentToken,",
    allowed: "must be another secret",
    fix: newToken("router.override.token"),
  },
  "a router that is no map": {
    change: { router: "swordfish" },
    key: "router",
    value: "is a string (not shown),",
    allowed: "must be a map of replicas, sessionHeader, agentToken, override",
    fix: "pulumi config rm pool-migration:router",
  },
  "a URL as the database's host": {
    change: { "database/host": "postgres://db" },
    key: "database.host",
    value: 'is "postgres://db",',
    allowed: "must be a host name or an address, without scheme and port",
    fix: set("database.host", "db.example.com"),
  },
  "a database without a host": {
    change: { "database/host": undefined },
    key: "database.host",
    value: "is missing,",
    allowed: "must be a host name or an address",
    fix: set("database.host", "db.example.com"),
  },
  "a database without an admin": {
    change: { "database/admin": undefined },
    key: "database.admin.user",
    value: "is missing,",
    allowed: "must be 1 to 63 characters without spaces",
    fix: set("database.admin.user", "postgres"),
  },
  "a database without the admin's password": {
    change: { "database/admin/password": undefined },
    key: "database.admin.password",
    value: "is missing,",
    allowed: "must be a secret",
    fix: "pulumi config set --secret --path 'pool-migration:database.admin.password'",
  },
  "an admin's password in clear": {
    change: {},
    origin: { secretKeys: new Set(["pool", "router"]) },
    key: "database.admin.password",
    value: "is stored in clear,",
    allowed: "must be a secret, and a new one",
    fix: "pulumi config set --secret --path 'pool-migration:database.admin.password'",
  },
  "an unknown way to encrypt": {
    change: { "database/ssl": "prefer" },
    key: "database.ssl",
    value: 'is "prefer",',
    allowed: "must be require or disable",
    fix: set("database.ssl", "require"),
  },
  "a database name that needs quotes": {
    change: { "database/name": "Pool-Migration" },
    key: "database.name",
    value: 'is "Pool-Migration",',
    allowed: "must be 1 to 63 lower-case letters, digits and underscores",
    fix: set("database.name", "pool_migration"),
  },
};

function problemsOf(raw: Record<string, unknown>, origin: ConfigOrigin): ConfigError["problems"] {
  try {
    parseConfig(raw, origin);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

describe("a bad configuration", () => {
  it.each(Object.entries(badInputs))(
    "is refused with key, value, what is allowed and the command: %s",
    (_, { change, key, value, allowed, fix, origin }) => {
      const problems = problemsOf(sampleWith(change), { ...sampleOrigin, ...origin });
      const sentence = problems.find((problem) =>
        problem.sentence.startsWith(`pool-migration:${key} ${value}`),
      )?.sentence;
      expect(sentence ?? problems.map((problem) => problem.sentence)).toContain(allowed);
      expect(sentence?.split("; run: ")[1]).toBe(fix);
    },
  );

  it.each(Object.entries(badInputs))("is mended by the commands that it names: %s", (_, bad) => {
    const { clearPaths, ...origin } = { ...sampleOrigin, ...bad.origin };
    const config = { raw: sampleWith(bad.change), secretKeys: new Set(origin.secretKeys) };
    // A token that was stored in clear is only replaced in the stack's file, so the first round alone sees it.
    let problems = problemsOf(config.raw, {
      ...origin,
      ...(clearPaths === undefined ? {} : { clearPaths }),
    });
    expect(problems).not.toEqual([]);
    for (let round = 0; problems.length > 0 && round < 4; round += 1) {
      for (const { sentence } of problems) {
        runPulumiConfig(config, sentence.split("; run: ")[1] ?? "");
      }
      problems = problemsOf(config.raw, { ...origin, secretKeys: config.secretKeys });
    }
    expect(problems).toEqual([]);
  });

  it("is answered with all its problems at once, under the stack's name", () => {
    const raw = sampleWith({
      stage: "p33",
      "pool/port": 0,
      "v1/replicas": 0,
      "v1/imgae": "x",
      "images/tools": undefined,
      "router/agentToken": undefined,
    });
    const keys = problemsOf(raw, sampleOrigin).map(({ path }) => path.join("."));
    expect(keys.sort()).toEqual([
      "images.tools",
      "pool.port",
      "router.agentToken",
      "stage",
      "v1.imgae",
      "v1.replicas",
    ]);
    expect(() => parseConfig(raw, sampleOrigin)).toThrow(
      /^The configuration of stack dev has 6 problems; nothing was changed\./,
    );
  });

  it("is answered for a stack that cannot name a namespace", () => {
    expect(() => parseConfig(sampleWith({}), { ...sampleOrigin, stack: "My_Stack" })).toThrow(
      /1 problem;[^]*The stack is unusable: The stack name "My_Stack" cannot name a Kubernetes/,
    );
  });
});
