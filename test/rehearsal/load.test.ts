import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createInterface } from "node:readline";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { defaultShape } from "../../scripts/rehearsal/load-plan.ts";
import type { LoadSettings } from "../../scripts/rehearsal/load.ts";
import type {
  LoadCommand,
  LoadMessage,
  RequestRecord,
  Verification,
} from "../../scripts/rehearsal/records.ts";
import { startPostgres, type TestPostgres } from "../lib/postgres.ts";
import { killAllPools, startReadyPool, type PoolProcess } from "../pool/pool-process.ts";

/** A load process, and everything it has told. */
class LoadProcess {
  readonly records: RequestRecord[] = [];
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #messages: AsyncIterableIterator<string>;

  constructor(settings: Partial<LoadSettings> & { baseUrl: string }) {
    const complete: LoadSettings = {
      name: "load",
      timeoutMs: 20_000,
      repeats: 0,
      shape: { ...defaultShape, rate: 200, sessions: 50 },
      ...settings,
    };
    const program = `${import.meta.dirname}/../../scripts/rehearsal/load.ts`;
    this.#child = spawn(process.execPath, [program, JSON.stringify(complete)]);
    this.#child.stderr.pipe(process.stderr);
    this.#messages = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  /** Reads messages until one is not a request, or until so many requests have been told. */
  async read(requests = Infinity): Promise<LoadMessage | undefined> {
    for (let next = await this.#messages.next(); !next.done; next = await this.#messages.next()) {
      const message = JSON.parse(next.value) as LoadMessage;
      if (message.type !== "request") return message;
      this.records.push(message);
      if (this.records.length >= requests) return undefined;
    }
    return undefined;
  }

  send(command: LoadCommand): void {
    this.#child.stdin.write(`${JSON.stringify(command)}\n`);
  }

  async end(): Promise<number | null> {
    this.#child.stdin.end();
    await this.read();
    if (this.#child.exitCode === null) await once(this.#child, "exit");
    return this.#child.exitCode;
  }
}

describe("a load on a pool", () => {
  let postgres: TestPostgres;
  let pool: PoolProcess;

  beforeAll(async () => {
    postgres = await startPostgres();
    pool = await startReadyPool("v2", postgres.url());
  });

  afterAll(async () => {
    await killAllPools();
    await postgres.stop();
  });

  it("tells what came of each request and finds every program, or which are missing", async () => {
    const load = new LoadProcess({ baseUrl: pool.url });
    await load.read(300);
    load.send({ command: "stop" });
    expect(await load.read()).toEqual({ type: "stopped" });
    const { records } = load;
    expect(new Set(records.map(({ requestId }) => requestId)).size).toBe(records.length);
    expect(records.filter(({ status }) => status >= 300)).toEqual([]);
    expect(new Set(records.map(({ verdict }) => verdict))).toEqual(new Set(["expected"]));
    expect(new Set(records.map(({ operation }) => operation)).size).toBe(5);
    expect(records.some(({ sessionId }) => sessionId === undefined)).toBe(true);
    expect(new Set(records.map(({ pool: by, rollout }) => `${by} ${rollout}`))).toEqual(
      new Set(["v2 undefined"]),
    );

    load.send({ command: "verify" });
    const first = (await load.read()) as Verification;
    expect(first).toMatchObject({ notListed: [], notExecutable: [], reappeared: [] });
    expect(first.programs).toBeGreaterThan(20);

    const database = new pg.Client(postgres.url());
    await database.connect();
    const lost = await database.query<{ session_id: string; id: string }>(
      `DELETE FROM pool_programs WHERE (session_id, id) IN
         (SELECT session_id, id FROM pool_programs LIMIT 1) RETURNING session_id, id`,
    );
    await database.end();
    load.send({ command: "verify" });
    const missing = `${lost.rows[0]?.session_id}/${lost.rows[0]?.id}`;
    expect(await load.read()).toMatchObject({ notListed: [missing], notExecutable: [missing] });
    expect(load.records.some(({ verdict }) => verdict === "programMissing")).toBe(true);
    expect(await load.end()).toBe(0);
  });

  it("goes on three times as fast from where it is when it is told to", async () => {
    const load = new LoadProcess({ baseUrl: pool.url });
    await load.read(200);
    const toldAt = Date.now();
    load.send({ command: "pace", factor: 3 });
    await load.read(700);
    load.send({ command: "stop" });
    expect(await load.read()).toEqual({ type: "stopped" });
    const planned = load.records.map(({ intendedAt }) => intendedAt).sort((a, b) => a - b);
    const meanGap = (times: readonly number[]) =>
      ((times.at(-1) ?? 0) - (times[0] ?? 0)) / (times.length - 1);
    const before = meanGap(planned.filter((time) => time < toldAt));
    const after = meanGap(planned.filter((time) => time > toldAt + 100));
    expect(before / after).toBeGreaterThan(2);
    expect(before / after).toBeLessThan(4.5);
    expect(await load.end()).toBe(0);
  });
});

describe("a load on something broken", () => {
  let server: Server;
  const attempts = new Map<string, number>();

  beforeAll(async () => {
    server = createServer((request, response) => {
      const id = String(request.headers["x-request-id"]);
      attempts.set(id, (attempts.get(id) ?? 0) + 1);
      if (attempts.get(id) === 1) request.socket.destroy();
      else response.writeHead(200, { "x-pool-version": "v1" }).end("{}");
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
  });

  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  it("repeats what was cut only where that is safe", async () => {
    const { port } = server.address() as AddressInfo;
    const load = new LoadProcess({ baseUrl: `http://127.0.0.1:${port}`, repeats: 2 });
    await load.read(200);
    await load.end();
    const keylessPosts = load.records.filter(
      ({ operation, keyed }) => !keyed && (operation === "create" || operation === "execute"),
    );
    const others = load.records.filter((record) => !keylessPosts.includes(record));
    expect(keylessPosts.length).toBeGreaterThan(10);
    expect(others.length).toBeGreaterThan(10);
    for (const { status, failure, repeats } of keylessPosts)
      expect({ status, failure, repeats }).toEqual({ status: 0, failure: "cut", repeats: 0 });
    for (const { status, repeats } of others)
      expect({ status, repeats }).toEqual({ status: 200, repeats: 1 });
  });

  it("says which requests were never sent, and keeps to its plan meanwhile", async () => {
    const load = new LoadProcess({ baseUrl: "http://127.0.0.1:1", repeats: 0 });
    await load.read(100);
    await load.end();
    expect(new Set(load.records.map(({ failure }) => failure))).toEqual(new Set(["notSent"]));
    expect(load.records[0]?.reason).toBe("ECONNREFUSED");
  });
});
