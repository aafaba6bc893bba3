import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { ConfigError } from "../../infra/config/messages.ts";
import type { MigrationConfig } from "../../infra/config/migration-config.ts";
import { parseConfig } from "../../infra/config/parse.ts";
import { clearSecrets } from "../../infra/config/stack-file.ts";
import { projectName } from "../../infra/rollout/names.ts";
import { projectRoot } from "../local/paths.ts";
import type { Finding } from "./finding.ts";
import { finding, trouble } from "./finding.ts";
import { pulumi, PulumiError } from "./pulumi-command.ts";

/** A stack's configuration with its secrets as plain text: never print it. */
export type PlainConfig = MigrationConfig<string>;

/** What came of reading the configuration. */
export interface ConfigResult {
  readonly finding: Finding;
  /** Absent where it is not valid or could not be read. */
  readonly config: PlainConfig | undefined;
}

const valuesSchema = z.record(
  z.string(),
  z.object({ value: z.string().optional(), secret: z.boolean() }),
);

/**
 * Reads the configuration as the engine would hand it to the program, and checks it as the program does. The
 * secrets come through a pipe and stay in memory.
 *
 * @param stack as Pulumi takes it
 * @param name the stack's own name, without organisation and project
 */
export async function readConfig(
  stack: string,
  name: string,
  signal: AbortSignal,
): Promise<ConfigResult> {
  let printed: string;
  try {
    printed = await pulumi(["config", "--json", "--show-secrets", "--stack", stack], signal);
  } catch (error) {
    if (!(error instanceof PulumiError)) throw error;
    return { config: undefined, finding: unreadable(stack, error.message) };
  }
  return checkValues(name, valuesSchema.parse(JSON.parse(printed)), clearPathsOf(name));
}

/** The same for values that were read already. */
export function checkValues(
  name: string,
  values: z.infer<typeof valuesSchema>,
  clearPaths: readonly string[],
): ConfigResult {
  const prefix = `${projectName}:`;
  const own = Object.entries(values)
    .filter(([key]) => key.startsWith(prefix))
    .map(([key, entry]) => ({ key: key.slice(prefix.length), ...entry }));
  try {
    const config = parseConfig(Object.fromEntries(own.map(({ key, value }) => [key, value])), {
      stack: name,
      secretKeys: new Set(own.filter(({ secret }) => secret).map(({ key }) => key)),
      clearPaths,
    });
    const detail = `stage ${config.stage.name}, ${String(config.percentage)} %, profile ${config.profile}`;
    return { config, finding: finding("passed", detail) };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const problems = error.problems.map(({ sentence }) => {
      const [what = "", fix = ""] = sentence.split("; run: ");
      return { what: `${what}.`, fix };
    });
    const count = problems.length === 1 ? "1 problem" : `${String(problems.length)} problems`;
    return { config: undefined, finding: trouble("failed", count, ...problems) };
  }
}

function unreadable(stack: string, message: string): Finding {
  if (/no stack named|no previous deployment/.test(message)) {
    return trouble("failed", "no such stack", {
      what: `There is no stack ${stack} in the backend that pulumi is logged in to.`,
      fix: `Create it, or look for it: pulumi stack init ${stack}, pulumi stack ls, pulumi whoami --verbose`,
    });
  }
  if (message.includes("passphrase")) {
    return trouble("failed", "secrets cannot be decrypted", {
      what: `pulumi says: ${message}.`,
      fix: "Name the file that holds the stack's passphrase: export PULUMI_CONFIG_PASSPHRASE_FILE=<file>",
    });
  }
  return trouble("failed", "cannot be read", {
    what: `pulumi says: ${message}`,
    fix: `Try it: pulumi config --stack ${stack}`,
  });
}

function clearPathsOf(name: string): readonly string[] {
  const file = join(projectRoot, `Pulumi.${name}.yaml`);
  return existsSync(file) ? clearSecrets(readFileSync(file, "utf8")) : [];
}
