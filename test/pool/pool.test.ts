import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startPostgres, type TestPostgres } from "../lib/postgres.ts";
import { startPool, startReadyPool, type PoolProcess } from "./pool-process.ts";
import { runProgram } from "./program.ts";

const definition = {
  signature: { inputs: [{ name: "question" }], outputs: [{ name: "answer" }] },
  program_type: "predict" as const,
};

let postgres: TestPostgres;
let v1: PoolProcess;
let v2: PoolProcess;
let sessionCount = 0;
let session: string;

beforeAll(async () => {
  postgres = await startPostgres();
  await postgres.createDatabase("pool");
  // Both at once: they agree on who creates the tables.
  [v1, v2] = await Promise.all([
    startReadyPool("v1", postgres.url("pool")),
    startReadyPool("v2", postgres.url("pool")),
  ]);
});

afterAll(async () => {
  await Promise.all([v1.kill(), v2.kill()]);
  await postgres.stop();
});

beforeEach(() => {
  session = `session-${++sessionCount}`;
});

interface Answer {
  status: number;
  headers: Headers;
  body: Record<string, unknown> & { error?: { code: string; retryable: boolean } };
}

async function call(
  pool: PoolProcess,
  method: string,
  path: string,
  { body, headers = {} }: { body?: unknown; headers?: Record<string, string> } = {},
): Promise<Answer> {
  const response = await fetch(`${pool.url}${path}`, {
    method,
    headers: {
      "x-session-id": session,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return {
    status: response.status,
    headers: response.headers,
    body: (await response.json()) as Answer["body"],
  };
}

const create = (pool: PoolProcess, id: string, headers = {}): Promise<Answer> =>
  call(pool, "POST", "/v1/programs", { body: { id, ...definition }, headers });

const execute = (pool: PoolProcess, id: string, headers = {}, question = "why?"): Promise<Answer> =>
  call(pool, "POST", `/v1/programs/${id}/execute`, { body: { inputs: { question } }, headers });

const listedIds = (answer: Answer): string[] =>
  (answer.body["programs"] as { id: string }[]).map(({ id }) => id);

async function setFaults(pool: PoolProcess, faults: Record<string, unknown>): Promise<number> {
  const response = await fetch(`${pool.adminUrl}/admin/faults`, {
    method: "PUT",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(faults),
  });
  return response.status;
}

describe("a session that moves between the pools", () => {
  it("executes on one pool what the other created, and lists and deletes it", async () => {
    expect((await create(v1, "p")).status).toBe(201);
    const expected = runProgram(definition, { question: "why?" });
    for (const pool of [v1, v2]) {
      const executed = await execute(pool, "p");
      expect(executed.status).toBe(200);
      expect(executed.body["outputs"]).toEqual(expected);
      expect(listedIds(await call(pool, "GET", "/v1/programs"))).toEqual(["p"]);
    }
    expect((await call(v2, "DELETE", "/v1/programs/p")).status).toBe(200);
    expect(listedIds(await call(v1, "GET", "/v1/programs"))).toEqual([]);
    expect((await execute(v1, "p")).body.error?.code).toBe("program_not_found");
  });

  it("does not see the programs of another session", async () => {
    await create(v1, "mine");
    session = `${session}-other`;
    expect(listedIds(await call(v2, "GET", "/v1/programs"))).toEqual([]);
    expect((await execute(v2, "mine")).status).toBe(404);
  });

  it("pages through a list", async () => {
    for (const id of ["a", "b", "c"]) await create(v1, id);
    const first = await call(v2, "GET", "/v1/programs?limit=2");
    expect(listedIds(first)).toEqual(["a", "b"]);
    expect(first.body["total_count"]).toBe(3);
    const cursor = String(first.body["next_cursor"]);
    const second = await call(v1, "GET", `/v1/programs?limit=2&cursor=${cursor}`);
    expect(listedIds(second)).toEqual(["c"]);
    expect(second.body["next_cursor"]).toBeNull();
  });
});

describe("answers", () => {
  it("name the pool and echo the request id", async () => {
    const answer = await call(v2, "GET", "/v1/health", { headers: { "x-request-id": "r-1" } });
    expect(answer.headers.get("x-pool-version")).toBe("v2");
    expect(answer.headers.get("x-request-id")).toBe("r-1");
    expect(answer.body["status"]).toBe("ok");
    expect((await call(v1, "GET", "/v1/health?deep=true")).headers.get("x-pool-version")).toBe(
      "v1",
    );
  });

  it("to bad requests follow the contract's errors", async () => {
    const post = (body: unknown, headers = {}): Promise<Answer> =>
      call(v1, "POST", "/v1/programs", { body, headers });
    expect((await post({ id: "no spaces", ...definition })).body.error?.code).toBe(
      "invalid_request",
    );
    expect((await post({ id: "p" })).status).toBe(400);
    expect((await post({ ...definition, pad: "x".repeat(1024 * 1024) })).status).toBe(413);
    expect((await post(definition, { "content-type": "text/plain" })).status).toBe(415);
    expect((await post(definition, { "x-session-id": "a b" })).status).toBe(400);
    expect((await call(v1, "GET", "/v1/unknown")).status).toBe(400);
    await create(v1, "p");
    const other = { ...definition, program_type: "react" };
    expect((await post({ id: "p", ...other })).body.error?.code).toBe("program_conflict");
    const failed = await call(v1, "POST", "/v1/programs/p/execute", { body: { inputs: {} } });
    expect(failed.body.error).toMatchObject({ code: "program_failed", retryable: false });
    expect(failed.body["pool_version"]).toBe("v1");
  });

  it("to the same create again are 200 exists", async () => {
    expect((await create(v1, "p")).body["status"]).toBe("created");
    const again = await create(v2, "p");
    expect([again.status, again.body["status"]]).toEqual([200, "exists"]);
  });
});

describe("an Idempotency-Key", () => {
  it("replays the first answer on either pool", async () => {
    await create(v1, "p");
    const first = await execute(v1, "p", { "idempotency-key": "k" });
    const second = await execute(v2, "p", { "idempotency-key": "k" });
    expect(second.headers.get("idempotent-replayed")).toBe("true");
    expect(first.headers.get("idempotent-replayed")).toBeNull();
    expect(second.body["outputs"]).toEqual(first.body["outputs"]);
    const listed = await call(v1, "GET", "/v1/programs");
    expect((listed.body["programs"] as { execution_count: number }[])[0]?.execution_count).toBe(1);
  });

  it("gives a create without id one program, and a repeated delete the first answer", async () => {
    const headers = { "idempotency-key": "k" };
    const first = await call(v1, "POST", "/v1/programs", { body: definition, headers });
    const second = await call(v2, "POST", "/v1/programs", { body: definition, headers });
    expect(second.body["program_id"]).toBe(first.body["program_id"]);
    const path = `/v1/programs/${String(first.body["program_id"])}`;
    const deleted = { headers: { "idempotency-key": "d" } };
    expect((await call(v1, "DELETE", path, deleted)).status).toBe(200);
    expect((await call(v2, "DELETE", path, deleted)).status).toBe(200);
    expect((await call(v2, "DELETE", path)).status).toBe(404);
  });

  it("is refused for another request", async () => {
    await create(v1, "p");
    await execute(v1, "p", { "idempotency-key": "k" }, "one");
    const other = await execute(v2, "p", { "idempotency-key": "k" }, "two");
    expect([other.status, other.body.error?.code]).toEqual([422, "idempotency_key_reused"]);
  });

  it("keeps a final refusal, and answers 409 while the first request runs", async () => {
    const missing = await execute(v1, "absent", { "idempotency-key": "k" });
    expect(missing.status).toBe(404);
    await create(v1, "absent");
    expect((await execute(v2, "absent", { "idempotency-key": "k" })).status).toBe(404);

    await setFaults(v1, { latency_ms: 1500 });
    try {
      const slow = execute(v1, "absent", { "idempotency-key": "slow" });
      await expect
        .poll(async () => (await call(v1, "GET", "/v1/health")).body["workers"])
        .toMatchObject({ busy: 1 });
      const meanwhile = await execute(v2, "absent", { "idempotency-key": "slow" });
      expect(meanwhile.body.error).toMatchObject({ code: "request_in_progress", retryable: true });
      expect((await slow).status).toBe(200);
    } finally {
      await setFaults(v1, {});
    }
  });

  it("is free again when the process that held it died", async () => {
    const victim = await startReadyPool("v2", postgres.url("pool"));
    await create(v1, "p");
    await setFaults(victim, { latency_ms: 60_000 });
    const cut = execute(victim, "p", { "idempotency-key": "k" }).catch(() => "cut");
    await expect
      .poll(async () => (await call(victim, "GET", "/v1/health")).body["workers"])
      .toMatchObject({ busy: 1 });
    await victim.kill();
    expect(await cut).toBe("cut");
    const repeated = await execute(v1, "p", { "idempotency-key": "k" });
    expect(repeated.status).toBe(200);
    expect(repeated.headers.get("idempotent-replayed")).toBeNull();
  });
});

describe("dispatch", () => {
  const overlap = async (pool: PoolProcess): Promise<number> => {
    await create(pool, "p");
    await setFaults(pool, { latency_ms: 100 });
    try {
      const answers = await Promise.all([1, 2, 3, 4].map(() => execute(pool, "p")));
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
    const narrow = await startReadyPool("v1", postgres.url("pool"), {
      POOL_MAX_QUEUE: "1",
      POOL_CHECKOUT_TIMEOUT_MS: "100",
      POOL_OPERATION_TIMEOUT_MS: "300",
    });
    await create(narrow, "p");
    await setFaults(narrow, { latency_ms: 60_000 });
    const answers = await Promise.all([1, 2, 3].map(() => execute(narrow, "p")));
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
    await create(v2, "p");
    await setFaults(v2, { error_rate: 1 });
    const failed = await execute(v2, "p");
    await setFaults(v2, {});
    expect([failed.status, failed.body.error?.code]).toEqual([500, "internal"]);
    expect(failed.headers.get("x-pool-version")).toBe("v2");
    expect((await execute(v2, "p")).status).toBe(200);
  });

  it("crash the process with what is in flight", async () => {
    const victim = await startReadyPool("v2", postgres.url("pool"));
    await expect(setFaults(victim, { crash: true })).rejects.toThrow();
    expect(await victim.exit).toBe(70);
  });

  it("do not exist unless they are enabled, and refuse what they do not know", async () => {
    expect(await setFaults(v1, { error_rat: 1 })).toBe(400);
    const production = await startPool("v2", postgres.url("pool"), {
      POOL_FAULTS_ENABLED: "false",
    });
    expect(await setFaults(production, { error_rate: 1 })).toBe(404);
    await production.kill();
  });
});

describe("metrics", () => {
  it("count requests by operation and code, with the pool's version", async () => {
    await call(v1, "GET", "/v1/health");
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
    expect(
      sample("pool_request_duration_seconds_bucket", 'le="0.2"', 'operation="execute"', version),
    ).toBeGreaterThan(0);
    expect(sample("pool_workers", 'state="ready"', version)).toBe(1);
  });
});

describe("SIGTERM", () => {
  it("fails readiness at once, still serves, finishes what is in flight and ends with 0", async () => {
    const pool = await startReadyPool("v2", postgres.url("pool"), { POOL_SETTLE_S: "0.5" });
    const ready = async (): Promise<number> => (await fetch(`${pool.url}/readyz`)).status;
    expect(await ready()).toBe(200);
    await create(pool, "p");
    await setFaults(pool, { latency_ms: 900 });
    const inFlight = execute(pool, "p");
    await expect
      .poll(async () => (await call(pool, "GET", "/v1/health")).body["workers"])
      .toMatchObject({ busy: 1 });
    pool.process.kill("SIGTERM");
    await pool.logged("settling");
    expect(await ready()).toBe(503);
    expect((await call(pool, "GET", "/v1/health")).body["status"]).toBe("draining");
    await setFaults(pool, {});
    expect((await execute(pool, "p")).status).toBe(200);
    await pool.logged("draining");
    const last = await inFlight;
    expect([last.status, last.headers.get("connection")]).toEqual([200, "close"]);
    expect(await pool.exit).toBe(0);
  });
});

describe("start-up", () => {
  it("refuses settings it cannot read", async () => {
    await expect(startPool("v1", "mysql://x")).rejects.toThrow("ended with 1");
    await expect(startPool("v1", postgres.url(), { POOL_WORKERS: "many" })).rejects.toThrow();
  });
});

describe("without its database", () => {
  it("refuses what must be stored, serves what it knows, and goes on once the database is back", async () => {
    await create(v1, "p");
    await execute(v1, "p");
    await postgres.pause();
    try {
      const refused = [
        await create(v1, "q"),
        await execute(v1, "p", { "idempotency-key": "k" }),
        await execute(v1, "never-seen"),
        await call(v1, "DELETE", "/v1/programs/p"),
      ];
      for (const answer of refused) {
        expect(answer.status).toBe(503);
        expect(answer.body.error).toMatchObject({ code: "pool_unavailable", retryable: true });
      }
      expect((await execute(v1, "p")).status).toBe(200);
      const listed = await call(v1, "GET", "/v1/programs");
      expect([listedIds(listed), listed.body["stale"]]).toEqual([["p"], true]);
      expect((await call(v1, "GET", "/v1/health")).status).toBe(200);
      expect((await fetch(`${v1.url}/readyz`)).status).toBe(200);

      const starting = await startPool("v2", postgres.url("pool"));
      expect((await fetch(`${starting.url}/readyz`)).status).toBe(503);
      expect((await create(starting, "q")).body.error?.code).toBe("not_ready");
      await postgres.resume();
      await starting.logged("serving");
      await starting.kill();
    } finally {
      await postgres.resume();
    }
    expect((await create(v1, "q")).status).toBe(201);
    expect((await execute(v2, "q", { "idempotency-key": "k" })).status).toBe(200);
  });
});
