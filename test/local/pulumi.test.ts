import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { silentProgress } from "../../scripts/local/progress.ts";
import { ensurePulumi, pulumiVersionFits } from "../../scripts/local/tools/pulumi.ts";

let work: string;

beforeEach(() => {
  work = mkdtempSync(join(tmpdir(), "pulumi-test-"));
});

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(work, { recursive: true });
});

/** A directory with programs that print a text. */
function directoryOf(programs: Record<string, string>): string {
  const directory = join(work, "bin");
  mkdirSync(directory);
  for (const [name, output] of Object.entries(programs)) {
    writeFileSync(join(directory, name), `#!/bin/sh\necho '${output}'\n`);
    chmodSync(join(directory, name), 0o755);
  }
  return directory;
}

describe("the Pulumi command line", () => {
  it.each([
    ["v3.259.0", true],
    ["v3.300.1\n", true],
    ["3.259.0-dev.0", true],
    ["v3.258.9", false],
    ["v4.0.0", false],
    ["v2.300.0", false],
    ["command not found", false],
  ])("of version %j fits: %s", (printed, fits) => {
    expect(pulumiVersionFits(printed)).toBe(fits);
  });

  it("on PATH is used if its version fits, with its own language host", async () => {
    const directory = directoryOf({ pulumi: "v3.270.0", "pulumi-language-nodejs": "" });
    vi.stubEnv("PATH", `${directory}:${process.env["PATH"]}`);
    expect(await ensurePulumi(silentProgress)).toEqual({
      directory,
      binary: join(directory, "pulumi"),
      version: "v3.270.0",
      source: "path",
      officialLanguageHost: true,
    });
  });
});
