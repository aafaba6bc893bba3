import { clusterOptions, timeoutOption } from "./lib/cluster-options.ts";
import { VerbError, exitCodes, runVerb } from "./lib/verb.ts";
import { namespaceName } from "../infra/rollout/names.ts";
import { exitCodeOf, reportLines, summaryLine } from "./preflight/finding.ts";
import { runPreflight } from "./preflight/run.ts";

const verb = {
  name: "preflight",
  description: `
Run it before the first pulumi up and before each stage. It looks, and changes nothing that stays: versions of
Node.js, the engine, its plugins and the cluster; the configuration, with the checks that the program makes; a
lock that a dead process left on the state; each right that the program and the verbs need, asked of the API
server; V1's pods, if they are deployed; each image, by a short-lived pod, because mirrors and credentials are
the nodes'; the database, by a login from here and a connection from the cluster.

Each finding that is wrong comes with its fix. It looks at the cluster that KUBECONFIG names, as pulumi up does.
Exit code 1: something is wrong; 3: something did not answer; 2: something could not be decided.`,
  options: {
    stack: clusterOptions.stack,
    json: clusterOptions.json,
    timeout: timeoutOption(120),
  },
};

await runVerb(verb, async ({ stack, json, timeout }, signal) => {
  const name = stack.split("/").at(-1) ?? "";
  let namespace: string;
  try {
    namespace = namespaceName(name);
  } catch (error) {
    throw new VerbError(exitCodes.refused, (error as Error).message);
  }
  const options = { stack, name, namespace, timeoutSeconds: timeout, signal };
  const findings = await runPreflight(options);
  const exitCode = exitCodeOf(findings);
  if (json) {
    const result = { stack, namespace, passed: exitCode === exitCodes.done, checks: findings };
    process.stdout.write(`${JSON.stringify(result, undefined, 2)}\n`);
  } else {
    const lines = [...reportLines(findings), "", summaryLine(findings)];
    process.stdout.write(`${lines.join("\n")}\n`);
  }
  return exitCode;
});
