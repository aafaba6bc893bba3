import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";

/** How a verb ended. */
export interface ScriptResult {
  /** Exit code; null after a signal. */
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Starts `scripts/<verb>.ts` as the npm script would, without a terminal. */
export function startScript(
  verb: string,
  argv: readonly string[],
  environment: Record<string, string> = {},
): { child: ChildProcess; result: Promise<ScriptResult> } {
  return start(process.execPath, [scriptPath(verb), ...argv], environment);
}

/**
 * The same on a terminal of its own, made by `script` of util-linux; what the verb prints to
 * stdout and stderr arrives in stdout.
 */
export function startScriptOnTerminal(
  verb: string,
  argv: readonly string[],
  environment: Record<string, string> = {},
): { child: ChildProcess; result: Promise<ScriptResult> } {
  const words = [process.execPath, scriptPath(verb), ...argv];
  const command = words.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
  return start("script", ["--quiet", "--return", "--command", command, "/dev/null"], environment);
}

function scriptPath(verb: string): string {
  return new URL(`../../scripts/${verb}.ts`, import.meta.url).pathname;
}

function start(program: string, argv: string[], environment: Record<string, string>) {
  // Neither the tester's own cluster nor stack may be reached.
  const isolated = { KUBECONFIG: "/nonexistent", PULUMI_STACK: "", KUBERNETES_SERVICE_HOST: "" };
  const child = spawn(program, argv, {
    stdio: ["pipe", "pipe", "pipe"],
    env: { ...process.env, ...isolated, ...environment },
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => (stdout += chunk));
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => (stderr += chunk));
  const result = new Promise<ScriptResult>((done, failed) => {
    child.on("error", failed).on("close", (code) => done({ code, stdout, stderr }));
  });
  return { child, result };
}

/** Runs `scripts/<verb>.ts` to its end. */
export function runScript(
  verb: string,
  argv: readonly string[],
  environment: Record<string, string> = {},
): Promise<ScriptResult> {
  return startScript(verb, argv, environment).result;
}
