import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { exitCodes } from "./lib/verb.ts";
import { summaryOf, verbGroups } from "./lib/verbs.ts";

function list(): string {
  const width = Math.max(
    ...verbGroups.flatMap(({ verbs }) => Object.keys(verbs).map((name) => name.length)),
  );
  const groups = verbGroups.map(({ title, verbs }) =>
    [
      `${title}:`,
      ...Object.entries(verbs).map(
        ([name, summary]) => `  npm run ${name.padEnd(width)}  ${summary}`,
      ),
    ].join("\n"),
  );
  return [...groups, "npm run help -- <verb> explains one verb with its options."].join("\n\n");
}

/** The verb explains itself: its own `--help`, or its line where it is no program of ours. */
async function explain(name: string): Promise<number> {
  const summary = summaryOf(name);
  if (summary === "") {
    const known = verbGroups.flatMap(({ verbs }) => Object.keys(verbs)).join(", ");
    process.stderr.write(`help: "${name}" is no verb; there are: ${known}\n`);
    return exitCodes.refused;
  }
  const manifest = await readFile(new URL("../package.json", import.meta.url), "utf8");
  const { scripts } = JSON.parse(manifest) as { scripts: Record<string, string> };
  const command = scripts[name] ?? "";
  const [, file] = /^node (scripts\/\S+\.ts)$/.exec(command) ?? [];
  if (file === undefined || name === "help") {
    process.stdout.write(`npm run ${name}\n\n${summary}\n\nRuns: ${command}\n`);
    return exitCodes.done;
  }
  const path = join(import.meta.dirname, "..", file);
  const child = spawn(process.execPath, [path, "--help"], { stdio: "inherit" });
  const [code] = (await once(child, "close")) as [number | null];
  return code ?? exitCodes.infrastructure;
}

const [name, ...surplus] = process.argv.slice(2);
if (surplus.length > 0) {
  process.stderr.write("help: name one verb, for example: npm run help -- brake\n");
  process.exitCode = exitCodes.refused;
} else if (name === undefined || name === "--help" || name === "-h") {
  process.stdout.write(`${list()}\n`);
} else {
  process.exitCode = await explain(name);
}
