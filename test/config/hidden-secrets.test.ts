import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { configKeys } from "../../infra/config/keys.ts";
import { ConfigError } from "../../infra/config/messages.ts";
import { parseConfig } from "../../infra/config/parse.ts";
import { sampleConfig, sampleOrigin, sampleSecrets, setPath } from "./sample-config.ts";

const secret = "s3cr3t-f00-b4r";

function messageFor(path: readonly string[], value: unknown, secretKeys: ReadonlySet<string>) {
  const raw = { ...sampleConfig(), "no.such.key": 1 };
  setPath(raw, path, value);
  try {
    parseConfig(raw, { ...sampleOrigin, secretKeys });
    throw new Error("A configuration with an unknown key was accepted.");
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
}

const secretPaths = configKeys
  .filter(({ secret: kept }) => kept !== undefined)
  .map(({ path }) => path.replace("*", "PASSWORD").split("."));
/** Where a secret ends up when its key is misspelt, or is set as a whole section or without --path. */
const mistakenPaths = [
  ["router", "agentTokn"],
  ["router", "override", "tokn"],
  ["router", "override"],
  ["router"],
  ["database", "pasword"],
  ["database", "admin"],
  ["database"],
  ["pool", "settings"],
  ["v2", "settings"],
  ["agentToken"],
  ["router.agentToken"],
  ["token"],
];
const shapes: readonly ((text: string) => unknown)[] = [
  (text) => text,
  (text) => ` ${text} \n`,
  (text) => `<${text}>`,
  (text) => [text],
  (text) => ({ value: text }),
  (text) => ({ secure: text }),
  (text) => `{"broken": "${text}`,
  (text) => text.slice(0, 8),
];

describe("messages", () => {
  it("never show a secret, wherever and in whatever shape it was set", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...secretPaths, ...mistakenPaths),
        fc.constantFrom(...shapes),
        fc.subarray(["pool", "v2", "router", "database"]),
        (path, shape, secretKeys) => {
          const message = messageFor(path, shape(secret), new Set(secretKeys));
          expect(message).not.toContain(secret.slice(0, 8));
          for (const value of Object.values(sampleSecrets)) expect(message).not.toContain(value);
        },
      ),
      { numRuns: 1000 },
    );
  });

  it("do not show the password of a URL where a host belongs", () => {
    const message = messageFor(["database", "host"], `postgres://app:${secret}@db/x`, new Set());
    expect(message).toContain('"postgres://...@db/x"');
    expect(message).not.toContain(secret);
  });

  it("cut long values short", () => {
    expect(messageFor(["stage"], "x".repeat(5000), new Set()).length).toBeLessThan(2000);
  });
});
