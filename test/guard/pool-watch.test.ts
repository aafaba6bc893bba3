import * as http from "node:http";
import type { AddressInfo } from "node:net";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { PoolWatch } from "../../scripts/agents/guard/pool-watch.ts";
import { KubernetesClient } from "../../scripts/lib/kubernetes.ts";
import type { TestApiServer } from "../lib/api-server.ts";
import { startApiServer } from "../lib/api-server.ts";

let api: TestApiServer;
let server: http.Server;
let client: KubernetesClient;
let watch: PoolWatch;
/** How the pod at an address answers. */
let answer: (address: string, response: http.ServerResponse, request: http.IncomingMessage) => void;

/** What was logged. */
let logged: { readonly level: number; readonly problem?: string }[];

/** What is wrong, as it was logged last; null: nothing. */
const problem = () => logged.at(-1)?.problem ?? null;

const pods = "/api/v1/namespaces/test/pods";

interface Traits {
  readonly build?: string;
  readonly ready?: boolean;
  readonly address?: string;
  readonly restarts?: number;
  readonly phase?: string;
  readonly deleted?: boolean;
}

/** Writes a pod of V2. */
function write(name: string, traits: Traits = {}): void {
  const { build = "one", ready = true, address = "127.0.0.1", restarts = 0 } = traits;
  const { phase = "Running", deleted = false } = traits;
  const metadata = {
    name,
    uid: name,
    labels: { "app.kubernetes.io/name": "pool-v2", "pod-template-hash": build },
    ...(deleted ? { deletionTimestamp: "2026-01-01T00:00:00Z" } : {}),
  };
  const status = {
    phase,
    podIP: address,
    conditions: [{ type: "Ready", status: ready ? "True" : "False" }],
    containerStatuses: [{ restartCount: restarts }],
  };
  api.write(`${pods}/${name}`, { metadata, status });
}

function makeWatch(figuresMilliseconds = 1000): PoolWatch {
  const { port } = server.address() as AddressInfo;
  return new PoolWatch({
    client: () => client,
    namespace: "test",
    v2: { metrics: { port, path: "/metrics" }, cpuLimitCores: null, memoryLimitBytes: 2000 },
    figuresMilliseconds,
    log: pino({}, { write: (line) => void logged.push(JSON.parse(line) as (typeof logged)[0]) }),
  });
}

beforeEach(async () => {
  logged = [];
  api = await startApiServer();
  answer = (_address, response) =>
    response.end("process_resident_memory_bytes 1000\npool_worker_failures_total 2\n");
  server = http.createServer((request, response) => {
    answer(request.socket.localAddress?.replace("::ffff:", "") ?? "", response, request);
  });
  await new Promise<void>((done) => server.listen(0, "::", done));
  client = new KubernetesClient({
    server: new URL(api.url),
    namespace: "test",
    source: "test",
    insecure: false,
    headers: {},
    credentials: () => Promise.resolve({ token: "t" }),
  });
  watch = makeWatch();
});

afterEach(async () => {
  watch.stop();
  client.close();
  server.close();
  server.closeAllConnections();
  await api.close();
});

describe("the watch of V2's pods", () => {
  it("reads the metrics of every ready pod of V2, and of no other", async () => {
    const asked: string[] = [];
    const usual = answer;
    answer = (address, response, request) => {
      asked.push(`${address} ${request.headers.host ?? ""} ${request.url ?? ""}`);
      usual(address, response, request);
    };
    write("a", { address: "127.0.0.2" });
    write("b", { address: "127.0.0.3", ready: false });
    write("c", { address: "::1" });
    api.write(`${pods}/v1`, {
      metadata: { name: "v1", labels: { "app.kubernetes.io/name": "pool-v1" } },
      status: { podIP: "127.0.0.4", conditions: [{ type: "Ready", status: "True" }] },
    });
    expect(watch.listed).toBe(false);
    await watch.read();
    expect(watch.listed).toBe(true);
    const { port } = server.address() as AddressInfo;
    expect(asked.sort()).toEqual([
      `127.0.0.2 127.0.0.2:${port} /metrics`,
      `::1 [::1]:${port} /metrics`,
    ]);
    expect(watch.figures?.figures).toEqual({
      memoryPercent: 50,
      memoryBytesPerPod: 1000,
      workerFailures: 4,
    });
    expect(problem()).toBeNull();
  });

  it("names the builds that serve, and the last ones while none does", async () => {
    await watch.read();
    expect(watch.build).toBeUndefined();
    write("a", { build: "two" });
    write("b");
    write("c", { build: "three", ready: false });
    await watch.read();
    expect(watch.build).toBe("one+two");
    write("b", { deleted: true });
    await watch.read();
    expect(watch.build).toBe("two");
    write("a", { build: "two", ready: false });
    await watch.read();
    expect(watch.build).toBe("two");
  });

  it("names a build on whose pods come and go, until they are deleted", async () => {
    write("a", { build: "one" });
    write("b", { build: "two" });
    await watch.read();
    expect(watch.build).toBe("one+two");
    write("b", { build: "two", ready: false });
    await watch.read();
    expect(watch.build).toBe("one+two");
    write("b", { build: "two", deleted: true });
    await watch.read();
    expect(watch.build).toBe("one");
  });

  it("counts what the list of pods tells: restarts, evictions, pods that were asked to end", async () => {
    const readings: (number | undefined)[] = [];
    const read = async () => {
      await watch.read();
      readings.push(watch.figures?.figures.workerFailures);
    };
    answer = (_address, response) =>
      response.end('pool_workers{state="ready"} 3\npool_worker_failures_total 0\n');
    for (const name of ["a", "b", "c", "d"]) write(name);
    await read();
    write("a", { restarts: 1 });
    await read();
    write("b", { phase: "Failed", ready: false });
    await read();
    write("c", { deleted: true });
    await read();
    api.remove(`${pods}/c`);
    write("e");
    await read();
    api.remove(`${pods}/d`);
    write("f");
    await read();
    expect(readings).toEqual([0, 3, 6, 6, 6, 9]);
  });

  it("goes on where a pod answers with an error, with too much, or with something else", async () => {
    const answers: Record<string, [status: number, text: string]> = {
      "127.0.0.1": [500, "process_resident_memory_bytes 1\n"],
      "127.0.0.2": [200, `process_resident_memory_bytes 1\n#${"x".repeat(2 * 1024 * 1024)}\n`],
      "127.0.0.3": [200, "<html>\n</html>\n"],
      "127.0.0.4": [200, `a 1\npool_workers{state="ready" ${"x".repeat(1000)}\n`],
      "127.0.0.5": [200, "process_resident_memory_bytes 500\n"],
    };
    answer = (address, response) => {
      const [status, text] = answers[address] ?? [404, ""];
      response.writeHead(status).end(text);
    };
    const problems: (string | null)[] = [];
    for (const address of Object.keys(answers)) {
      write("a", { address });
      await watch.read();
      problems.push(problem()?.replace(/:\d+\/metrics/, "") ?? null);
    }
    expect(problems).toEqual([
      "http://127.0.0.1: status 500",
      "http://127.0.0.2: more than 2097152 bytes",
      'http://127.0.0.3: these are no metrics: "<html>\\n</html>\\n"',
      expect.stringMatching(/^http:\/\/127\.0\.0\.4: Encountered invalid line: pool_wor.{166}$/),
      null,
    ]);
    expect(watch.figures?.figures).toEqual({ memoryPercent: 25, memoryBytesPerPod: 500 });
  });

  it("logs what is wrong when it begins, changes and ends, and not at each reading", async () => {
    const usual = answer;
    write("a", { address: "127.0.0.2" });
    await watch.read();
    expect(logged).toEqual([]);
    let reading = 0;
    answer = (address, response) => {
      // Each time another one answers first.
      const isLate = address === `127.0.0.${2 + (reading % 2)}`;
      setTimeout(() => response.writeHead(503).end(), isLate ? 30 : 0);
    };
    for (; reading < 3; reading += 1) await watch.read();
    expect(logged).toMatchObject([
      { level: 40, problem: expect.stringMatching(/^http:..127.0.0.2:.*: status 503$/) as string },
    ]);
    write("b", { address: "127.0.0.3" });
    for (; reading < 6; reading += 1) await watch.read();
    expect(logged).toHaveLength(2);
    expect(problem()).toMatch(/^http:..127.0.0.2:.*: status 503; so it is with 1 more$/);
    answer = usual;
    for (; reading < 8; reading += 1) await watch.read();
    expect(logged.slice(2)).toMatchObject([{ level: 30 }]);
  });

  it("waits two seconds for a pod, whether it says nothing or never ends, and reads the others", async () => {
    answer = (address, response) => {
      if (address === "127.0.0.2") return;
      response.write("process_resident_memory_bytes 500\n");
      if (address === "127.0.0.3") return;
      response.end();
    };
    for (const last of [1, 2, 3]) write(`p${last}`, { address: `127.0.0.${last}` });
    const begun = performance.now();
    await watch.read();
    const took = performance.now() - begun;
    expect(took).toBeGreaterThan(1900);
    expect(took).toBeLessThan(4000);
    expect(watch.figures?.figures.memoryBytesPerPod).toBe(500);
    expect(problem()).toMatch(/^http:\/\/127\.0\.0\.[23]:.*; so it is with 1 more$/);
  });

  it("reads many pods, 50 at the same time", async () => {
    let open = 0;
    let most = 0;
    answer = (_address, response) => {
      open += 1;
      most = Math.max(most, open);
      setTimeout(() => {
        open -= 1;
        response.end('pool_workers{state="busy"} 2\n');
      }, 50);
    };
    for (let pod = 1; pod <= 250; pod += 1) write(`p${pod}`, { address: `127.0.1.${pod}` });
    await watch.read();
    expect(problem()).toBeNull();
    expect(watch.figures?.figures).toEqual({ workers: 500 });
    expect(most).toBe(50);
  });

  it("says why the pods cannot be listed, and keeps what it had", async () => {
    write("a");
    await watch.read();
    const before = watch.figures;
    api.intercept = () => ({ status: 403, message: "not allowed" });
    await watch.read();
    expect(problem()).toMatch(/403 not allowed/);
    expect(watch.figures).toBe(before);
    api.intercept = () => "hang";
    const begun = performance.now();
    await watch.read();
    expect(performance.now() - begun).toBeLessThan(4000);
    expect(problem()).toMatch(/time limit/);
    api.intercept = () => undefined;
    await watch.read();
    expect(problem()).toBeNull();
    expect(watch.figures?.at).toBeGreaterThan(before?.at ?? Infinity);
  });

  it("reads again and again, over failures, until it is stopped, which does not wait for anybody", async () => {
    watch = makeWatch(20);
    write("a");
    let lists = 0;
    api.intercept = () => {
      lists += 1;
      return lists % 2 === 0 ? undefined : "cut";
    };
    let silent = false;
    let waiting = 0;
    const usual = answer;
    answer = (address, response, request) => {
      if (silent) waiting += 1;
      else usual(address, response, request);
    };
    const running = watch.run();
    await expect.poll(() => lists, { timeout: 10_000 }).toBeGreaterThan(5);
    expect(watch.figures?.figures.memoryBytesPerPod).toBe(1000);
    silent = true;
    await expect.poll(() => waiting, { timeout: 10_000 }).toBe(1);
    const { figures } = watch;
    const begun = performance.now();
    watch.stop();
    await running;
    expect(performance.now() - begun).toBeLessThan(1000);
    expect(watch.figures).toBe(figures);
  });
});
