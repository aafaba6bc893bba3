import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import * as pulumi from "@pulumi/pulumi";

import { projectName } from "../rollout/names.ts";
import { ConfigError } from "./messages.ts";
import type { MigrationConfig, SecretOutput, SideConfig } from "./migration-config.ts";
import { parseConfig } from "./parse.ts";
import { clearSecrets } from "./stack-file.ts";

/**
 * Configuration of the stack, checked as a whole before anything is declared.
 *
 * @param stack name of the stack, as `pulumi.getStack()` gives it
 * @throws pulumi.RunError that lists every problem and the command that fixes it; Pulumi prints it without a stack
 *   trace
 */
export function loadConfig(stack: string): MigrationConfig {
  const prefix = `${projectName}:`;
  const all = Object.entries(pulumi.runtime.allConfig())
    .filter(([key]) => key.startsWith(prefix))
    .map(([key, value]) => [key.slice(prefix.length), value] as const);
  const secretKeys = new Set(all.map(([key]) => key).filter((key) => isConfigSecret(prefix + key)));
  try {
    const clearPaths = clearSecretsOf(stack);
    const config = parseConfig(Object.fromEntries(all), { stack, secretKeys, clearPaths });
    return seal(config, secretKeys);
  } catch (error) {
    if (error instanceof ConfigError) throw new pulumi.RunError(error.message);
    throw error;
  }
}

/** The SDK marks this function internal, but offers no other way to learn which keys hold secrets. */
function isConfigSecret(key: string): boolean {
  const runtime = pulumi.runtime as unknown as { isConfigSecret(key: string): boolean };
  return runtime.isConfigSecret(key);
}

function clearSecretsOf(stack: string): readonly string[] {
  const file = join(pulumi.getRootDirectory(), `Pulumi.${stack}.yaml`);
  return existsSync(file) ? clearSecrets(readFileSync(file, "utf8")) : [];
}

/** Wraps what is secret, so that it is encrypted in the state and never shown. */
function seal(config: MigrationConfig<string>, secretKeys: ReadonlySet<string>): MigrationConfig {
  const { router, database } = config;
  const sealSide = (
    side: SideConfig<string> | undefined,
    secret: boolean,
  ): SideConfig | undefined =>
    side && {
      ...side,
      settings: secret
        ? Object.fromEntries(
            Object.entries(side.settings).map(([name, value]) => [name, sealValue(value)]),
          )
        : side.settings,
    };
  return {
    ...config,
    v1: sealSide(config.v1, secretKeys.has("pool")),
    v2: sealSide(config.v2, secretKeys.has("pool") || secretKeys.has("v2")),
    router: router.retire
      ? router
      : {
          ...router,
          agentToken: sealValue(router.agentToken),
          overrideToken: sealOptional(router.overrideToken),
          brakeToken: sealOptional(router.brakeToken),
        },
    database: database && {
      ...database,
      admin: { ...database.admin, password: sealValue(database.admin.password) },
    },
  };
}

function sealValue(value: string): SecretOutput {
  return pulumi.secret(value);
}

function sealOptional(value: string | undefined): SecretOutput | undefined {
  return value === undefined ? undefined : sealValue(value);
}
