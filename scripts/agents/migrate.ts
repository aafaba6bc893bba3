import { exitCodes } from "../lib/verb.ts";
import { runCommandLine } from "./migrate/command-line.ts";

const interruption = new AbortController();
for (const name of ["SIGINT", "SIGTERM"] as const) {
  // As the first process of a container it gets no default handling of signals. What runs in the database is rolled
  // back when the connection closes.
  process.once(name, () => {
    process.stderr.write("migrate: interrupted; what was not finished is rolled back\n");
    process.exit(exitCodes.interrupted);
  });
}
process.exitCode = await runCommandLine(process.argv.slice(2), {
  environment: process.env,
  stdout: (text) => process.stdout.write(text),
  stderr: (text) => process.stderr.write(text),
  signal: interruption.signal,
});
