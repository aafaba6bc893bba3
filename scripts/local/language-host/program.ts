import type { RunRequest } from "@pulumi/pulumi/proto/language_pb.js";

/** Exit code of a program that has already told the user what went wrong (@pulumi/pulumi, cmd/run/index.js). */
const ALREADY_REPORTED = 32;

/** Command line of `node` that runs a Pulumi program: options of the runtime, the SDK's runner, what the engine asked for. */
export function programArguments(
  request: RunRequest,
  runner: string,
  engineAddress: string,
): string[] {
  const info = request.getInfo();
  const nodeArguments = runtimeOption(request, "nodeargs");
  return [
    ...(typeof nodeArguments === "string" ? nodeArguments.split(/\s+/).filter(Boolean) : []),
    runner,
    `--monitor=${request.getMonitorAddress()}`,
    `--engine=${engineAddress}`,
    `--project=${request.getProject()}`,
    `--stack=${request.getStack()}`,
    `--organization=${request.getOrganization()}`,
    `--pwd=${request.getPwd()}`,
    `--root-directory=${info?.getRootDirectory() ?? request.getPwd()}`,
    `--parallel=${request.getParallel()}`,
    ...(request.getDryrun() ? ["--dry-run"] : []),
    info?.getEntryPoint() || request.getProgram() || ".",
    ...request.getArgsList(),
  ];
}

/** Environment of the program: configuration and the names of its secret keys travel here, not in the arguments. */
export function programEnvironment(request: RunRequest): NodeJS.ProcessEnv {
  return {
    ...process.env,
    PULUMI_NODEJS_TYPESCRIPT: runtimeOption(request, "typescript") === false ? "false" : "true",
    PULUMI_CONFIG: JSON.stringify(Object.fromEntries(request.getConfigMap().toArray())),
    PULUMI_CONFIG_SECRET_KEYS: JSON.stringify(request.getConfigsecretkeysList()),
  };
}

function runtimeOption(request: RunRequest, name: string): unknown {
  return request.getInfo()?.getOptions()?.toJavaScript()[name];
}

/** What the engine is told about a program that ended: nothing, an error, or that the user knows already (`bail`). */
export function describeExit(
  code: number | null,
  signal: NodeJS.Signals | null,
): { error: string; bail: boolean } {
  if (code === 0) return { error: "", bail: false };
  if (code === ALREADY_REPORTED) return { error: "", bail: true };
  const reason = signal === null ? `exit code ${String(code)}` : `signal ${signal}`;
  return { error: `The program ended with ${reason}.`, bail: false };
}
