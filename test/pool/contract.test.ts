import pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startBothPools } from "./both-pools.ts";
import { definition, listedIds, PoolCaller, setFaults, type PoolAnswer } from "./pool-caller.ts";
import { startReadyPool, type PoolProcess } from "./pool-process.ts";
import { runProgram } from "./program.ts";

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

describe("a session that moves between the pools", () => {
  it("executes on one pool what the other created, and lists and deletes it", async () => {
    expect((await caller.create(v1, "p")).status).toBe(201);
    const expected = runProgram(definition, { question: "why?" });
    for (const pool of [v1, v2]) {
      const executed = await caller.execute(pool, "p");
      expect(executed.status).toBe(200);
      expect(executed.body["outputs"]).toEqual(expected);
      expect(listedIds(await caller.call(pool, "GET", "/v1/programs"))).toEqual(["p"]);
    }
    expect((await caller.call(v2, "DELETE", "/v1/programs/p")).status).toBe(200);
    expect(listedIds(await caller.call(v1, "GET", "/v1/programs"))).toEqual([]);
    expect((await caller.execute(v1, "p")).body.error?.code).toBe("program_not_found");
  });

  it("does not see the programs of another session", async () => {
    await caller.create(v1, "mine");
    caller = new PoolCaller("another-session");
    expect(listedIds(await caller.call(v2, "GET", "/v1/programs"))).toEqual([]);
    expect((await caller.execute(v2, "mine")).status).toBe(404);
  });

  it("pages through a list", async () => {
    for (const id of ["a", "b", "c"]) await caller.create(v1, id);
    const first = await caller.call(v2, "GET", "/v1/programs?limit=2");
    expect(listedIds(first)).toEqual(["a", "b"]);
    expect(first.body["total_count"]).toBe(3);
    const cursor = String(first.body["next_cursor"]);
    const second = await caller.call(v1, "GET", `/v1/programs?limit=2&cursor=${cursor}`);
    expect(listedIds(second)).toEqual(["c"]);
    expect(second.body["next_cursor"]).toBeNull();
  });
});

describe("a session that nobody used for its time to live", () => {
  const sql = async (text: string, ...values: string[]): Promise<unknown[]> => {
    const client = new pg.Client({ connectionString: pools.postgres.url("pool") });
    await client.connect();
    try {
      return (await client.query<Record<string, unknown>>(text, values)).rows;
    } finally {
      await client.end();
    }
  };
  /** Makes a session as old as its hour, but for these seconds. */
  const age = (session: string, secondsLeft: number): Promise<unknown[]> =>
    sql(
      `UPDATE pool_sessions SET last_used = now() - make_interval(secs => 3600 - ${secondsLeft}) WHERE id = $1`,
      session,
    );

  it("is gone on both pools, and one of the same name begins anew", async () => {
    const session = `session-${sessions}`;
    await caller.create(v1, "p");
    await age(session, -1);
    for (const pool of [v1, v2]) {
      expect(listedIds(await caller.call(pool, "GET", "/v1/programs"))).toEqual([]);
      expect((await caller.execute(pool, "p")).body.error?.code).toBe("session_not_found");
    }
    const ended = await caller.call(v2, "DELETE", "/v1/session");
    expect(ended.body).toMatchObject({ status: "not_found", programs_removed: 0 });
    const body = { id: "p", ...definition, program_type: "react" };
    expect((await caller.call(v2, "POST", "/v1/programs", { body })).status).toBe(201);
    expect(listedIds(await caller.call(v1, "GET", "/v1/programs"))).toEqual(["p"]);
  });

  it("is kept alive by use, reading included", async () => {
    const session = `session-${sessions}`;
    await caller.create(v1, "p");
    for (const use of [
      () => caller.execute(v2, "p"),
      () => caller.call(v1, "GET", "/v1/programs"),
    ]) {
      await age(session, 60);
      expect((await use()).status).toBe(200);
      const isYoung = "last_used > now() - interval '1 minute' AS young";
      expect(await sql(`SELECT ${isYoung} FROM pool_sessions WHERE id = $1`, session)).toEqual([
        { young: true },
      ]);
    }
  });

  it("is deleted with its programs by a pool that starts", async () => {
    const session = `session-${sessions}`;
    await caller.create(v1, "p");
    await age(session, -1);
    const pool = await startReadyPool("v2", pools.postgres.url("pool"));
    expect(await sql("SELECT id FROM pool_sessions WHERE id = $1", session)).toEqual([]);
    expect(await sql("SELECT id FROM pool_programs WHERE session_id = $1", session)).toEqual([]);
    await pool.kill();
  });
});

describe("answers", () => {
  it("name the pool and echo the request id", async () => {
    const answer = await caller.call(v2, "GET", "/v1/health", {
      headers: { "x-request-id": "r-1" },
    });
    expect(answer.headers.get("x-pool-version")).toBe("v2");
    expect(answer.headers.get("x-request-id")).toBe("r-1");
    expect(answer.body["status"]).toBe("ok");
    expect(
      (await caller.call(v1, "GET", "/v1/health?deep=true")).headers.get("x-pool-version"),
    ).toBe("v1");
  });

  it("to bad requests follow the contract's errors", async () => {
    const post = (body: unknown, headers = {}): Promise<PoolAnswer> =>
      caller.call(v1, "POST", "/v1/programs", { body, headers });
    expect((await post({ id: "no spaces", ...definition })).body.error?.code).toBe(
      "invalid_request",
    );
    expect((await post({ id: "p" })).status).toBe(400);
    expect((await post({ ...definition, pad: "x".repeat(1024 * 1024) })).status).toBe(413);
    expect((await post(definition, { "content-type": "text/plain" })).status).toBe(415);
    expect((await post(definition, { "x-session-id": "a b" })).status).toBe(400);
    expect((await caller.call(v1, "GET", "/v1/unknown")).status).toBe(400);
    await caller.create(v1, "p");
    const other = { ...definition, program_type: "react" };
    expect((await post({ id: "p", ...other })).body.error?.code).toBe("program_conflict");
    const failed = await caller.call(v1, "POST", "/v1/programs/p/execute", {
      body: { inputs: {} },
    });
    expect(failed.body.error).toMatchObject({ code: "program_failed", retryable: false });
    expect(failed.body["pool_version"]).toBe("v1");
  });

  it("to the same create again are 200 exists", async () => {
    expect((await caller.create(v1, "p")).body["status"]).toBe("created");
    const again = await caller.create(v2, "p");
    expect([again.status, again.body["status"]]).toEqual([200, "exists"]);
  });
});

describe("an Idempotency-Key", () => {
  it("replays the first answer on either pool", async () => {
    await caller.create(v1, "p");
    const first = await caller.execute(v1, "p", { "idempotency-key": "k" });
    const second = await caller.execute(v2, "p", { "idempotency-key": "k" });
    expect(second.headers.get("idempotent-replayed")).toBe("true");
    expect(first.headers.get("idempotent-replayed")).toBeNull();
    expect(second.body["outputs"]).toEqual(first.body["outputs"]);
    const listed = await caller.call(v1, "GET", "/v1/programs");
    expect((listed.body["programs"] as { execution_count: number }[])[0]?.execution_count).toBe(1);
  });

  it("gives a create without id one program, and a repeated delete the first answer", async () => {
    const headers = { "idempotency-key": "k" };
    const first = await caller.call(v1, "POST", "/v1/programs", { body: definition, headers });
    const second = await caller.call(v2, "POST", "/v1/programs", { body: definition, headers });
    expect(second.body["program_id"]).toBe(first.body["program_id"]);
    const path = `/v1/programs/${String(first.body["program_id"])}`;
    const deleted = { headers: { "idempotency-key": "d" } };
    expect((await caller.call(v1, "DELETE", path, deleted)).status).toBe(200);
    expect((await caller.call(v2, "DELETE", path, deleted)).status).toBe(200);
    expect((await caller.call(v2, "DELETE", path)).status).toBe(404);
  });

  it("is refused for another request", async () => {
    await caller.create(v1, "p");
    await caller.execute(v1, "p", { "idempotency-key": "k" }, "one");
    const other = await caller.execute(v2, "p", { "idempotency-key": "k" }, "two");
    expect([other.status, other.body.error?.code]).toEqual([422, "idempotency_key_reused"]);
  });

  it("keeps a final refusal, and answers 409 while the first request runs", async () => {
    const missing = await caller.execute(v1, "absent", { "idempotency-key": "k" });
    expect(missing.status).toBe(404);
    await caller.create(v1, "absent");
    expect((await caller.execute(v2, "absent", { "idempotency-key": "k" })).status).toBe(404);

    await setFaults(v1, { latency_ms: 1500 });
    try {
      const slow = caller.execute(v1, "absent", { "idempotency-key": "slow" });
      await expect
        .poll(async () => (await caller.call(v1, "GET", "/v1/health")).body["workers"])
        .toMatchObject({ busy: 1 });
      const meanwhile = await caller.execute(v2, "absent", { "idempotency-key": "slow" });
      expect(meanwhile.body.error).toMatchObject({ code: "request_in_progress", retryable: true });
      expect((await slow).status).toBe(200);
    } finally {
      await setFaults(v1, {});
    }
  });

  it("is free again when the process that held it died", async () => {
    const victim = await startReadyPool("v2", pools.postgres.url("pool"));
    await caller.create(v1, "p");
    await setFaults(victim, { latency_ms: 60_000 });
    const cut = caller.execute(victim, "p", { "idempotency-key": "k" }).catch(() => "cut");
    await expect
      .poll(async () => (await caller.call(victim, "GET", "/v1/health")).body["workers"])
      .toMatchObject({ busy: 1 });
    await victim.kill();
    expect(await cut).toBe("cut");
    const repeated = await caller.execute(v1, "p", { "idempotency-key": "k" });
    expect(repeated.status).toBe(200);
    expect(repeated.headers.get("idempotent-replayed")).toBeNull();
  });
});
