import { execFile } from "node:child_process";
import { chmod, cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "ci-run-"));
  await mkdir(join(directory, ".ci"));
  await cp(new URL("../../.ci/run", import.meta.url), join(directory, ".ci/run"));
  await program("python3", "exit 0");
  await program("openssl", "exit 0");
});

afterEach(() => rm(directory, { recursive: true }));

async function program(name: string, body: string) {
  const path = join(directory, "bin", name);
  await mkdir(join(directory, "bin"), { recursive: true });
  await writeFile(path, `#!/bin/bash\n${body}\n`);
  await chmod(path, 0o755);
}

/** What npm does for `npm <words>`; `$report` is the path of the JSON report. */
async function npm(cases: Record<string, string>) {
  const arms = Object.entries(cases).map(([words, body]) => `"${words}") ${body} ;;`);
  await program(
    "npm",
    [
      'for word in "$@"; do [[ $word != --outputFile.json=* ]] || report=${word#*=}; done',
      `case "$1 $2" in ${arms.join("\n")} *) exit 0 ;; esac`,
    ].join("\n"),
  );
}

const counts = (passed: number, failed: number) =>
  `echo '{"numPassedTests":${String(passed)},"numFailedTests":${String(failed)}}' > "$report"`;

/** Everything passes: 5, 2 and 7 tests, the check and the rehearsal. */
const good = {
  "run test": counts(5, 0),
  "run test:long": counts(2, 0),
  "run test:cluster": counts(7, 0),
};

function run(): Promise<{ code: number; lines: string[] }> {
  const environment = {
    ...process.env,
    PATH: `${join(directory, "bin")}:${process.env["PATH"] ?? ""}`,
  };
  return new Promise((done) => {
    const child = execFile(
      "bash",
      [join(directory, ".ci/run")],
      { env: environment },
      (_, stdout) => done({ code: child.exitCode ?? -1, lines: stdout.trimEnd().split("\n") }),
    );
  });
}

describe("CI script", () => {
  it("adds up the suites, the check and the rehearsal, and says so alone on the last line", async () => {
    await npm(good);
    const { code, lines } = await run();
    expect(code).toBe(0);
    expect(lines.at(-1)).toBe("16 passed, 0 failed");
  });

  it.each([
    ["a failed check", { "run check": "exit 1" }, "15 passed, 1 failed"],
    ["failed tests", { "run test": `${counts(5, 2)}; exit 1` }, "16 passed, 2 failed"],
    ["a suite that cannot start", { "run test": "exit 1" }, "11 passed, 1 failed"],
    ["an error outside any test", { "run test": `${counts(5, 0)}; exit 1` }, "16 passed, 1 failed"],
    ["a suite without tests", { "run test": counts(0, 0) }, "11 passed, 1 failed"],
    ["a failed rehearsal", { "run rehearse": "exit 3" }, "15 passed, 1 failed"],
    ["an installation that fails", { "ci --no-audit": "exit 1" }, "0 passed, 1 failed"],
  ])("goes on after %s, counts it and fails", async (_, cases, last) => {
    await npm({ ...good, ...cases });
    const { code, lines } = await run();
    expect(code).toBe(1);
    expect(lines.at(-1)).toBe(last);
  });

  it("names what is missing where Node is too old", async () => {
    await npm(good);
    await program("node", "[[ $1 == --version ]] && echo v18.0.0 && exit 0; exit 1");
    const { code, lines } = await run();
    expect(code).toBe(1);
    expect(lines[0]).toContain("Node.js 20 or newer with npm is needed (found: v18.0.0)");
    expect(lines.at(-1)).toBe("0 passed, 1 failed");
  });
});
