import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runConformance } from "../../scripts/conformance/run-conformance.ts";
import { startPostgres, type TestPostgres } from "../lib/postgres.ts";
import { runScript } from "../lib/run-script.ts";
import { killAllPools, startReadyPool } from "../pool/pool-process.ts";
import { quickEnvironment, writeFlags } from "./in-process-pool.ts";

let postgres: TestPostgres;
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "conformance-"));
  await writeFlags(join(directory, "flags.json"), "circuit_breaker");
  postgres = await startPostgres();
  await postgres.createDatabase("pool");
});

afterAll(async () => {
  await killAllPools();
  await postgres.stop();
  await rm(directory, { recursive: true, force: true });
});

describe("a reference pool, as a process", () => {
  it.each([
    ["v1", ["error-circuit-open"]],
    ["v2", []],
  ] as const)(
    "%s conforms",
    async (side, skipped) => {
      const pool = await startReadyPool(side, postgres.url("pool"), {
        ...quickEnvironment,
        POOL_FLAGS_FILE: join(directory, "flags.json"),
      });
      const { results } = await runConformance({
        url: pool.url,
        adminUrl: pool.adminUrl,
        side,
        process: { terminate: () => pool.process.kill("SIGTERM"), exit: pool.exit },
      });
      const others = results.filter(({ status }) => status !== "passed");
      expect(others).toEqual(
        skipped.map((rule) => ({ rule, status: "skipped", detail: expect.any(String) as string })),
      );
    },
    90_000,
  );

  it("is checked from the data port alone, and by --only, by the command", async () => {
    const pool = await startReadyPool("v1", postgres.url("pool"), quickEnvironment);
    const verb = (...argv: string[]) => runScript("conformance", ["--url", pool.url, ...argv]);
    const passed = await verb("--json", "--only", "create", "--only", "livez");
    expect(passed.code).toBe(0);
    expect(JSON.parse(passed.stdout)).toMatchObject({
      conforms: true,
      results: [
        { rule: "create", status: "passed" },
        { rule: "livez", status: "skipped", detail: "needs --admin-url" },
      ],
    });
    const failed = await verb("--side", "v2", "--only", "pool-version");
    expect([failed.code, failed.stdout]).toEqual([1, expect.stringContaining("does not conform")]);
    const undecided = await verb("--only", "livez");
    expect(undecided.code).toBe(2);
    await pool.kill();
    const away = await verb();
    expect([away.code, away.stderr]).toEqual([3, expect.stringContaining("cannot be reached")]);
  });

  it("is refused a rule that there is not", async () => {
    const { code, stderr } = await runScript("conformance", ["--only", "nothing"]);
    expect([code, stderr]).toEqual([2, expect.stringContaining("--list shows them")]);
  });
});
