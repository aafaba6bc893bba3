import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { writeFlags } from "../conformance/in-process-pool.ts";
import { startPostgres, type TestPostgres } from "../lib/postgres.ts";
import { PoolCaller, setFaults } from "./pool-caller.ts";
import { killAllPools, startReadyPool, type PoolProcess } from "./pool-process.ts";

let postgres: TestPostgres;
let directory: string;
let file: string;
let v2: PoolProcess;
let caller: PoolCaller;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "pool-flags-"));
  file = join(directory, "flags.json");
  postgres = await startPostgres();
  await postgres.createDatabase("pool");
  v2 = await startReadyPool("v2", postgres.url("pool"), {
    POOL_FLAGS_FILE: file,
    POOL_WORKERS: "2",
    POOL_MAX_WORKERS: "4",
    POOL_HEALTH_INTERVAL_MS: "50",
    POOL_HEALTH_TIMEOUT_MS: "50",
    POOL_OPTIMIZER_INTERVAL_MS: "100",
    POOL_BREAKER_OPEN_MS: "1500",
  });
});

afterAll(async () => {
  await killAllPools();
  await postgres.stop();
  await rm(directory, { recursive: true, force: true });
});

beforeEach(async () => {
  caller = new PoolCaller("flags");
  await caller.create(v2, "p");
});

const stats = async (): Promise<Record<string, unknown>> =>
  (await (await fetch(`${v2.adminUrl}/v1/stats`)).json()) as Record<string, unknown>;
const metrics = async (): Promise<string> => (await fetch(`${v2.adminUrl}/metrics`)).text();

/** Writes the file and waits until the pool has read it. */
async function turnOn(...flags: string[]): Promise<void> {
  await writeFlags(file, ...flags);
  await expect
    .poll(async () => Object.entries((await stats())["flags"] as object), { timeout: 10_000 })
    .toEqual(
      ["enhanced_workers", "circuit_breaker", "telemetry_v2", "pool_optimizer"].map((name) => [
        name,
        flags.includes(name),
      ]),
    );
}

describe("flags of V2", () => {
  it("are all off without a file, and stay as they are while the file cannot be read", async () => {
    expect(Object.values((await stats())["flags"] as object)).toEqual([false, false, false, false]);
    await turnOn("telemetry_v2");
    await writeFile(file, "{ not flags");
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect((await stats())["flags"]).toMatchObject({ telemetry_v2: true });
    await turnOn();
  });

  it("circuit_breaker: after five timeouts in a row 503 circuit_open; off, timeouts go on", async () => {
    const codes = async (count: number): Promise<(string | undefined)[]> => {
      const seen: (string | undefined)[] = [];
      await setFaults(v2, { hang: true });
      while (seen.length < count && seen.at(-1) !== "circuit_open") {
        const answer = await caller.execute(v2, "p", { "x-request-timeout-ms": "60" });
        seen.push(answer.body.error?.code);
      }
      await setFaults(v2, {});
      return seen;
    };
    expect(await codes(6)).not.toContain("circuit_open");
    await turnOn("circuit_breaker");
    // The first timeouts may still be waits for workers that are being replaced: 504 as well.
    const seen = await codes(12);
    expect(seen.at(-1)).toBe("circuit_open");
    expect(seen.length).toBeGreaterThan(5);
    expect((await stats())["breaker"]).toBe("open");
    await expect
      .poll(async () => (await caller.execute(v2, "p")).status, { timeout: 10_000 })
      .toBe(200);
    for (let call = 0; call < 3; call += 1) await caller.execute(v2, "p");
    expect((await stats())["breaker"]).toBe("closed");
    await turnOn();
  });

  it("telemetry_v2: further metrics, and a traceparent that continues the caller's trace", async () => {
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const trace = async (): Promise<string | null> =>
      (await caller.execute(v2, "p", { traceparent })).headers.get("traceparent");
    expect([await trace(), await metrics()]).toEqual([
      null,
      expect.not.stringContaining("pool_spans_total"),
    ]);
    await turnOn("telemetry_v2");
    const header = await trace();
    expect(header).toMatch(/^00-0af7651916cd43dd8448eb211c80319c-[0-9a-f]{16}-01$/);
    expect(header).not.toBe(traceparent);
    const text = await metrics();
    expect(text).toMatch(/pool_spans_total\{operation="execute",parent="caller",.*\} 1/);
    expect(text).toMatch(/pool_worker_transition_seconds_count\{[^}]*from="ready",to="busy"/);
    await turnOn();
  });

  it("enhanced_workers: idle workers that no longer answer are found and replaced", async () => {
    const failures = async (): Promise<number> =>
      Number(
        /pool_worker_failures_total\{reason="health_check",.*\} (\d+)/.exec(await metrics())?.[1],
      );
    await setFaults(v2, { hang: true });
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(await failures()).toBeNaN();
    await turnOn("enhanced_workers");
    await expect.poll(failures, { timeout: 10_000 }).toBeGreaterThan(0);
    await setFaults(v2, {});
    await expect
      .poll(async () => (await caller.execute(v2, "p")).status, { timeout: 10_000 })
      .toBe(200);
    await turnOn();
  });

  it("pool_optimizer: more workers under load, the declared number when it is off", async () => {
    const size = async (): Promise<unknown> => (await stats())["pool_size"];
    expect(await size()).toBe(2);
    await turnOn("pool_optimizer");
    await setFaults(v2, { latency_ms: 200 });
    const load = Array.from({ length: 30 }, () => caller.execute(v2, "p"));
    await expect.poll(size, { timeout: 10_000, interval: 20 }).toBe(4);
    await Promise.all(load);
    await setFaults(v2, {});
    expect(await metrics()).toMatch(/pool_optimizer_resizes_total\{direction="up",.*\} [1-9]/);
    await turnOn();
    await expect.poll(size, { timeout: 10_000 }).toBe(2);
  });
});
