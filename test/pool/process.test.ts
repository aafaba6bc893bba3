import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startBothPools } from "./both-pools.ts";
import { listedIds, PoolCaller, setFaults } from "./pool-caller.ts";
import { startPool, startReadyPool, type PoolProcess } from "./pool-process.ts";

let pools: Awaited<ReturnType<typeof startBothPools>>;
let v1: PoolProcess;
let v2: PoolProcess;
let caller: PoolCaller;
let sessions = 0;

beforeAll(async () => {
  pools = await startBothPools();
  ({ v1, v2 } = pools);
});

afterAll(() => pools.stop());

beforeEach(() => {
  caller = new PoolCaller(`session-${++sessions}`);
});

describe("dispatch", () => {
  const overlap = async (pool: PoolProcess): Promise<number> => {
    await caller.create(pool, "p");
    await setFaults(pool, { latency_ms: 100 });
    try {
      const answers = await Promise.all([1, 2, 3, 4].map(() => caller.execute(pool, "p")));
      const waits = answers.map((answer) => Number(answer.headers.get("x-queue-ms")));
      return waits.filter((wait) => wait < 50).length;
    } finally {
      await setFaults(pool, {});
    }
  };

  it("is serial in V1: one starts at once, the others wait", async () => {
    expect(await overlap(v1)).toBe(1);
  });

  it("is concurrent in V2: all start at once", async () => {
    expect(await overlap(v2)).toBe(4);
  });

  it("answers 429 beyond the queue and 504 to those that waited or ran too long", async () => {
    const narrow = await startReadyPool("v1", pools.postgres.url("pool"), {
      POOL_MAX_QUEUE: "1",
      POOL_CHECKOUT_TIMEOUT_MS: "100",
      POOL_OPERATION_TIMEOUT_MS: "300",
    });
    await caller.create(narrow, "p");
    await setFaults(narrow, { latency_ms: 60_000 });
    const answers = await Promise.all([1, 2, 3].map(() => caller.execute(narrow, "p")));
    expect(answers.map((answer) => answer.body.error?.code).sort()).toEqual([
      "checkout_timeout",
      "operation_timeout",
      "queue_full",
    ]);
    await narrow.kill();
  });
});

describe("fault switches", () => {
  it("fail the share of operations they are told to", async () => {
    await caller.create(v2, "p");
    await setFaults(v2, { error_rate: 1 });
    const failed = await caller.execute(v2, "p");
    await setFaults(v2, {});
    expect([failed.status, failed.body.error?.code]).toEqual([500, "internal"]);
    expect(failed.headers.get("x-pool-version")).toBe("v2");
    expect((await caller.execute(v2, "p")).status).toBe(200);
  });

  it("break programs, and nothing else", async () => {
    await caller.create(v2, "p");
    await setFaults(v2, { wrong_rate: 1 });
    const failed = await caller.execute(v2, "p");
    const created = await caller.create(v2, "q");
    await setFaults(v2, {});
    expect([failed.status, failed.body.error?.code]).toEqual([424, "program_failed"]);
    expect(created.status).toBe(201);
    expect((await caller.execute(v2, "p")).status).toBe(200);
  });

  it("crash the process with what is in flight", async () => {
    const victim = await startReadyPool("v2", pools.postgres.url("pool"));
    await expect(setFaults(victim, { crash: true })).rejects.toThrow();
    expect(await victim.exit).toBe(70);
  });

  it("leak the memory they are told to, which the metrics show, and stop at it", async () => {
    const megabytes = async (): Promise<number> => {
      const text = await (await fetch(`${v2.adminUrl}/metrics`)).text();
      const sum = /^pool_worker_resident_memory_bytes\{[^}]*aggregate="sum"[^}]*\} (\S+)$/m.exec(
        text,
      );
      return Number(sum?.[1]) / 1024 ** 2;
    };
    const before = await megabytes();
    await setFaults(v2, { leak_mb_per_min: 6000 });
    await expect.poll(megabytes, { timeout: 10_000 }).toBeGreaterThan(before + 90);
    await setFaults(v2, {});
    await caller.create(v2, "p");
    expect((await caller.execute(v2, "p")).status).toBe(200);
  });

  it("do not exist unless they are enabled, and refuse what they do not know", async () => {
    expect(await setFaults(v1, { error_rat: 1 })).toBe(400);
    const production = await startPool("v2", pools.postgres.url("pool"), {
      POOL_FAULTS_ENABLED: "false",
    });
    expect(await setFaults(production, { error_rate: 1 })).toBe(404);
    await production.kill();
  });
});

describe("metrics", () => {
  it("count requests by operation and code, with the pool's version", async () => {
    await caller.call(v1, "GET", "/v1/health");
    await caller.create(v1, "p");
    expect((await caller.execute(v1, "p")).status).toBe(200);
    const text = await (await fetch(`${v1.adminUrl}/metrics`)).text();
    const sample = (name: string, ...labels: string[]): number =>
      Number(
        text
          .split("\n")
          .find((line) => line.startsWith(`${name}{`) && labels.every((it) => line.includes(it)))
          ?.split(" ")
          .at(-1),
      );
    const version = 'pool_version="v1"';
    expect(
      sample("pool_requests_total", 'operation="health"', 'code="200"', version),
    ).toBeGreaterThan(0);
    const durations = (edge: string): number =>
      sample(
        "pool_request_duration_seconds_bucket",
        `le="${edge}"`,
        'operation="execute"',
        version,
      );
    expect(durations("+Inf")).toBeGreaterThan(0);
    // How many are that quick is the machine's matter; the edge of the alarm has to be there.
    expect(durations("0.2")).toBeGreaterThanOrEqual(0);
    expect(sample("pool_workers", 'state="ready"', version)).toBe(1);
  });
});

describe("SIGTERM", () => {
  it("fails readiness at once, still serves, finishes what is in flight and ends with 0", async () => {
    const pool = await startReadyPool("v2", pools.postgres.url("pool"), { POOL_SETTLE_S: "0.5" });
    const ready = async (): Promise<number> => (await fetch(`${pool.url}/readyz`)).status;
    expect(await ready()).toBe(200);
    await caller.create(pool, "p");
    await setFaults(pool, { latency_ms: 900 });
    const inFlight = caller.execute(pool, "p");
    await expect
      .poll(async () => (await caller.call(pool, "GET", "/v1/health")).body["workers"])
      .toMatchObject({ busy: 1 });
    pool.process.kill("SIGTERM");
    await pool.logged("settling");
    expect(await ready()).toBe(503);
    expect((await caller.call(pool, "GET", "/v1/health")).body["status"]).toBe("draining");
    await setFaults(pool, {});
    expect((await caller.execute(pool, "p")).status).toBe(200);
    await pool.logged("draining");
    const last = await inFlight;
    expect([last.status, last.headers.get("connection")]).toEqual([200, "close"]);
    expect(await pool.exit).toBe(0);
  });

  it("gives up what is left at the drain's deadline: what runs as a timeout, what waits as never begun", async () => {
    const pool = await startReadyPool("v1", pools.postgres.url("pool"), {
      POOL_DRAIN_TIMEOUT_S: "0.3",
    });
    await caller.create(pool, "p");
    await setFaults(pool, { hang: true });
    const workers = async (): Promise<unknown> =>
      (await caller.call(pool, "GET", "/v1/health")).body;
    const running = caller.execute(pool, "p");
    await expect.poll(workers).toMatchObject({ workers: { busy: 1 } });
    const waiting = caller.execute(pool, "p");
    await expect.poll(workers).toMatchObject({ queue_depth: 1 });
    pool.process.kill("SIGTERM");
    const [cut, refused] = await Promise.all([running, waiting]);
    expect([cut.status, cut.body.error?.code]).toEqual([504, "operation_timeout"]);
    expect([refused.status, refused.body.error?.code]).toEqual([503, "draining"]);
    expect(refused.headers.get("connection")).toBe("close");
    expect(await pool.exit).toBe(0);
  });
});

describe("start-up", () => {
  it("refuses settings it cannot read", async () => {
    await expect(startPool("v1", "mysql://x")).rejects.toThrow("ended with 1");
    await expect(startPool("v1", pools.postgres.url(), { POOL_WORKERS: "many" })).rejects.toThrow();
  });
});

describe("without its database", () => {
  it("refuses what must be stored, serves what it knows, and goes on once the database is back", async () => {
    await caller.create(v1, "p");
    await caller.execute(v1, "p");
    await pools.postgres.pause();
    try {
      const refused = [
        await caller.create(v1, "q"),
        await caller.execute(v1, "p", { "idempotency-key": "k" }),
        await caller.execute(v1, "never-seen"),
        await caller.call(v1, "DELETE", "/v1/programs/p"),
      ];
      for (const answer of refused) {
        expect(answer.status).toBe(503);
        expect(answer.body.error).toMatchObject({ code: "pool_unavailable", retryable: true });
      }
      expect((await caller.execute(v1, "p")).status).toBe(200);
      const listed = await caller.call(v1, "GET", "/v1/programs");
      expect([listedIds(listed), listed.body["stale"]]).toEqual([["p"], true]);
      expect((await caller.call(v1, "GET", "/v1/health")).status).toBe(200);
      expect((await fetch(`${v1.url}/readyz`)).status).toBe(200);

      const starting = await startPool("v2", pools.postgres.url("pool"));
      expect((await fetch(`${starting.url}/readyz`)).status).toBe(503);
      expect((await caller.create(starting, "q")).body.error?.code).toBe("not_ready");
      await pools.postgres.resume();
      await starting.logged("serving");
      await starting.kill();
    } finally {
      await pools.postgres.resume();
    }
    expect((await caller.create(v1, "q")).status).toBe(201);
    expect((await caller.execute(v2, "q", { "idempotency-key": "k" })).status).toBe(200);
  });
});
