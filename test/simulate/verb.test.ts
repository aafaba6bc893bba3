import { describe, expect, it } from "vitest";

import { startScript } from "../lib/run-script.ts";

describe("simulate", () => {
  it("lists what it would do", async () => {
    const { code, stdout } = await startScript("simulate", ["--dry-run", "--migrations", "300"])
      .result;
    expect(code).toBe(0);
    expect(stdout).toContain("   100  healthy, tenants");
    expect(stdout).toContain("V2 dead behind retries");
  });

  it("refuses numbers that are none", async () => {
    const { code, stderr } = await startScript("simulate", ["--migrations", "many"]).result;
    expect(code).toBe(2);
    expect(stderr).toContain("--migrations");
    expect(stderr).toContain("whole number of at least 30");
  });
});
