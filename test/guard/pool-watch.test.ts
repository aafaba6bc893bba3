import * as http from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { PoolWatch } from "../../scripts/agents/guard/pool-watch.ts";
import { KubernetesClient } from "../../scripts/lib/kubernetes.ts";
import type { TestApiServer } from "../lib/api-server.ts";
import { startApiServer } from "../lib/api-server.ts";

let api: TestApiServer;
let server: http.Server;
let watch: PoolWatch;
let answer: http.RequestListener;

const pods = "/api/v1/namespaces/test/pods";

/** Writes a pod of V2. */
function write(name: string, build: string, ready = true, changes: object = {}): void {
  const labels = { "app.kubernetes.io/name": "pool-v2", "pod-template-hash": build };
  const conditions = [{ type: "Ready", status: ready ? "True" : "False" }];
  const status = { podIP: "127.0.0.1", conditions, containerStatuses: [{ restartCount: 0 }] };
  api.write(`${pods}/${name}`, { metadata: { name, uid: name, labels, ...changes }, status });
}

beforeEach(async () => {
  api = await startApiServer();
  answer = (_request, response) => {
    response.end("process_resident_memory_bytes 1000\npool_worker_failures_total 2\n");
  };
  server = http.createServer((request, response) => answer(request, response));
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const client = new KubernetesClient({
    server: new URL(api.url),
    namespace: "test",
    source: "test",
    insecure: false,
    headers: {},
    credentials: () => Promise.resolve({ token: "t" }),
  });
  const { port } = server.address() as AddressInfo;
  watch = new PoolWatch({
    client: () => client,
    namespace: "test",
    v2: { metrics: { port, path: "/metrics" }, cpuLimitCores: null, memoryLimitBytes: 2000 },
    figuresMilliseconds: 1000,
  });
});

afterEach(async () => {
  watch.stop();
  server.close();
  server.closeAllConnections();
  await api.close();
});

describe("the watch of V2's pods", () => {
  it("reads the metrics of every ready pod of V2, and of no other", async () => {
    write("a", "one");
    write("b", "one", false);
    api.write(`${pods}/v1`, {
      metadata: { name: "v1", labels: { "app.kubernetes.io/name": "pool-v1" } },
    });
    expect(watch.listed).toBe(false);
    await watch.read();
    expect(watch.listed).toBe(true);
    expect(watch.figures?.figures).toEqual({
      memoryPercent: 50,
      memoryBytesPerPod: 1000,
      workerFailures: 2,
    });
  });

  it("names the builds that serve, and the last ones while none does", async () => {
    await watch.read();
    expect(watch.build).toBeUndefined();
    write("a", "two");
    write("b", "one");
    write("c", "three", false);
    await watch.read();
    expect(watch.build).toBe("one+two");
    write("b", "one", true, { deletionTimestamp: "2026-01-01T00:00:00Z" });
    await watch.read();
    expect(watch.build).toBe("two");
    write("a", "two", false);
    await watch.read();
    expect(watch.build).toBe("two");
  });

  it("goes on where a pod answers with an error, with too much, or with something else", async () => {
    for (const name of ["a", "b", "c", "d"]) write(name, "one");
    let asked = 0;
    answer = (_request, response) => {
      asked += 1;
      if (asked === 1) response.writeHead(500).end("broken");
      else if (asked === 2) response.end("x".repeat(3 * 1024 * 1024));
      else if (asked === 3) response.end("<html></html>");
      else response.end("process_resident_memory_bytes 500\n");
    };
    await watch.read();
    expect(watch.figures?.figures).toEqual({ memoryPercent: 25, memoryBytesPerPod: 500 });
  });

  it("rejects where the pods cannot be listed, and keeps what it had", async () => {
    write("a", "one");
    await watch.read();
    const before = watch.figures;
    api.intercept = () => ({ status: 403, message: "no" });
    await expect(watch.read()).rejects.toThrow(/no/);
    expect(watch.figures).toBe(before);
  });
});
