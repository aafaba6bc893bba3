import type { ConfigOrigin } from "../../infra/config/parse.ts";

/** Secret values of the sample, which no message may show. */
export const sampleSecrets = {
  agentToken: "agent-token-0123456789abcdef",
  overrideToken: "override-token-0123456789abcdef",
  brakeToken: "brake-token-0123456789abcdef",
  password: "database-password-0123456789",
  setting: "postgresql://app:setting-0123456789@db/app",
} as const;

/** A configuration in which everything is set, as maps; p25 with the brake off sends 25 % to V2. */
export function sampleConfig(): Record<string, unknown> {
  return {
    stage: "p25",
    profile: "accelerated",
    stages: [],
    flags: { poolV2Enabled: true },
    pool: { port: 8000, settings: { DATABASE_URL: sampleSecrets.setting, POOL_WORKERS: 4 } },
    v1: { image: "registry.example.com/pool:1.4.2", replicas: 3 },
    v2: {
      image: `registry.example.com:5000/team/pool:2.0.0@sha256:${"0a".repeat(32)}`,
      replicas: { min: 5 },
      settings: { POOL_WORKERS: "8", POOL_OPTIMIZER: true },
    },
    router: {
      agentToken: sampleSecrets.agentToken,
      override: { token: sampleSecrets.overrideToken },
      brakeToken: sampleSecrets.brakeToken,
    },
    images: {
      router: "registry.example.com/router:1.0.0",
      tools: "tools@sha256:" + "9".repeat(64),
    },
    database: {
      host: "db.example.com",
      admin: { user: "postgres", password: sampleSecrets.password },
    },
  };
}

/** The origin of the sample: every key that holds a secret was set with --secret. */
export const sampleOrigin: ConfigOrigin = {
  stack: "dev",
  secretKeys: new Set(["pool", "router", "database"]),
};

/** The sample with some of its paths replaced (undefined removes one). */
export function sampleWith(changes: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const config = sampleConfig();
  for (const [path, value] of Object.entries(changes)) setPath(config, path.split("/"), value);
  return config;
}

/** Sets or, with undefined, removes a value; maps that are missing on the way are made. */
export function setPath(target: object, path: readonly (string | number)[], value: unknown): void {
  const [name = "", next, ...rest] = path;
  if (next !== undefined) {
    const inner: unknown = Reflect.get(target, name);
    const child: object =
      typeof inner === "object" && inner !== null ? inner : typeof next === "number" ? [] : {};
    Reflect.set(target, name, child);
    setPath(child, [next, ...rest], value);
  } else if (value !== undefined) Reflect.set(target, name, value);
  else if (Array.isArray(target)) target.splice(Number(name), 1);
  else Reflect.deleteProperty(target, name);
}
