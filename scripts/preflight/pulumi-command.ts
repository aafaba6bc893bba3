import { $ } from "zx";
import { projectRoot } from "../local/paths.ts";

/** The Pulumi command line could not do something; the message holds its own words. */
export class PulumiError extends Error {
  override readonly name = "PulumiError";
}

/** What a shell answers for a program that it does not find. */
const notFoundCode = 127;

/**
 * Runs `pulumi` in the project's directory as a person would and returns what it prints. Nothing of its standard
 * output goes anywhere else: it may hold secrets.
 *
 * @throws PulumiError with what it wrote to standard error
 */
export async function pulumi(args: readonly string[], signal: AbortSignal): Promise<string> {
  const command = ["pulumi", "--non-interactive", "--color", "never", ...args];
  const run = await $({
    quiet: true,
    nothrow: true,
    input: "",
    cwd: projectRoot,
    env: { ...process.env, PULUMI_SKIP_UPDATE_CHECK: "true" },
    signal,
  })`${command}`;
  signal.throwIfAborted();
  if (run.exitCode === 0) return run.stdout;
  if (run.exitCode === notFoundCode) throw new PulumiError("pulumi was not found on PATH");
  const said = run.stderr.trim().replace(/^error: /, "");
  throw new PulumiError(said || `pulumi ended with code ${String(run.exitCode)}`);
}
