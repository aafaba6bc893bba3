import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { renderValidationBootstrap, routerFiles } from "../../infra/rollout/envoy-bootstrap.ts";
import type { Json } from "../../infra/rollout/envoy-routes.ts";
import { routeTable } from "../../infra/rollout/route-table.ts";
import { routerSettingsSchema } from "../../infra/rollout/router-settings.ts";
import { cpuSeconds, parseCpuSeconds } from "../../scripts/bench/router/cpu-time.ts";
import { chooseCores } from "../../scripts/bench/router/envoy-process.ts";
import { parseTotal } from "../../scripts/bench/router/instructions.ts";
import type { LoadPlan } from "../../scripts/bench/router/load-plan.ts";
import { plainBootstrap, poolsBootstrap } from "../../scripts/bench/router/plain-envoy.ts";
import { runLoad } from "../../scripts/bench/router/run-load.ts";
import { variants, withValue } from "../../scripts/bench/router/variants.ts";
import { ensureEnvoy } from "../../scripts/local/tools/envoy.ts";

const settings = routerSettingsSchema.parse({
  bindAddress: "127.0.0.1",
  ports: {},
  sessionHeader: "x-session-id",
  pools: { v1: { host: "127.0.0.1", port: 7001 }, v2: { host: "127.0.0.1", port: 7002 } },
  readinessPath: "/readyz",
  operationTimeoutSeconds: 30,
  idempotencyKeys: true,
});

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "bench-test-"));
  await mkdir(join(directory, "log"));
});
afterAll(async () => {
  await rm(directory, { recursive: true });
});

describe("a changed configuration", () => {
  const config = { list: [{ a: 1, b: 2 }, { b: 3 }], rest: true };

  it("differs in that value alone", () => {
    expect(withValue(config, ["list", "*", "a"], undefined)).toEqual({
      list: [{ b: 2 }, { b: 3 }],
      rest: true,
    });
    expect(withValue(config, ["list", 1, "b"], 9)).toEqual({
      list: [{ a: 1, b: 2 }, { b: 9 }],
      rest: true,
    });
    expect(config.list[0]).toEqual({ a: 1, b: 2 });
  });

  it("is refused where there is nothing to change", () => {
    expect(() => withValue(config, ["list", "*", "c"], 1)).toThrow("nothing at list.*.c");
  });
});

describe("Envoy accepts", () => {
  const files = () => routerFiles(directory);
  const accepted = async (name: string, bootstrap: Json) => {
    const path = join(directory, `${name}.json`);
    await writeFile(path, JSON.stringify(bootstrap));
    const args = ["--mode", "validate", "-c", path, "-l", "critical"];
    await promisify(execFile)(await ensureEnvoy(), args);
  };

  it("the plain router and the pools", async () => {
    await accepted("plain", plainBootstrap(settings, files(), 25));
    await accepted("pools", poolsBootstrap(settings, 9902));
  });

  it("the router without each of its features, all of which it has", async () => {
    const table = routeTable({
      revision: "r1.1",
      percentage: 25,
      topology: "both",
      idempotencyKeys: true,
      overrideToken: "an-override-token-for-tests",
    });
    const bootstrap = renderValidationBootstrap(settings, files(), table);
    const path = ["static_resources", "listeners"];
    const { listeners } = (bootstrap as { static_resources: { listeners: Json[] } })
      .static_resources;
    const changed = variants(settings).map(({ changes }, index) => {
      const listener = changes.reduce(
        (config, change) => withValue(config, change.path, change.value),
        listeners[0] ?? "",
      );
      expect(listener).not.toEqual(listeners[0]);
      const address = { address: "127.0.0.1", port_value: 7100 + index };
      const named = withValue(listener, ["name"], `listener-${index}`);
      return withValue(named, ["address", "socket_address"], address);
    });
    await accepted("variants", withValue(bootstrap, path, changed));
  });
});

describe("CPU time", () => {
  it("is read behind a name with spaces and parentheses", () => {
    const stat = "42 (a (strange) name) S 1 42 42 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 1 0 9 9";
    expect(parseCpuSeconds(stat)).toBe(3);
  });

  it("of this process grows with what it does", () => {
    const before = cpuSeconds(process.pid);
    while (cpuSeconds(process.pid) <= before) JSON.stringify(Array.from({ length: 1000 }));
    expect(cpuSeconds(process.pid)).toBeGreaterThan(before);
  });
});

describe("cores", () => {
  it("are one for Envoy and another for its load", () => {
    expect(chooseCores(2)).toEqual({ measured: 1, load: 0, pools: 0 });
    expect(chooseCores(8)).toEqual({ measured: 1, load: 0, pools: 2 });
    expect(() => chooseCores(1)).toThrow("two cores or more");
  });
});

describe("a count of instructions", () => {
  it("is the dump's total", () => {
    expect(parseTotal("events: Ir\nsummary: 7\n\nfn=main\n0 5\ntotals: 12345\n")).toBe(12345);
    expect(() => parseTotal("events: Ir\n")).toThrow("no total");
  });
});

describe("the load", () => {
  const never = new AbortController().signal;

  /** Runs a load against a server that gives a status. */
  async function load(plan: Partial<LoadPlan>, status = 200) {
    const sessions = new Set<string>();
    const server = createServer((request, response) => {
      sessions.add(String(request.headers["x-session-id"]));
      request.resume();
      response.writeHead(status, { "content-length": 2 }).end("ok");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const end = { requests: 200 };
    const processes = { server: process.pid };
    try {
      const whole = { port, connections: 4, warmUpSeconds: 0, end, processes, ...plan };
      return { report: await runLoad(0, whole, never), sessions: sessions.size };
    } finally {
      server.close();
      server.closeAllConnections();
    }
  }

  it("sends as many requests as it is told, for many sessions", async () => {
    const { report, sessions } = await load({});
    expect(report.sent).toBe(200);
    expect(report.requests).toBe(200);
    expect(sessions).toBeGreaterThan(150);
    expect(report.latency.p99).toBeGreaterThanOrEqual(report.latency.p50);
    expect(report.cpuSeconds["load"]).toBeGreaterThan(0);
    expect(report.cpuSeconds).toHaveProperty("server");
  });

  it("keeps a rate that the server could exceed", async () => {
    const { report } = await load({ rate: 100, end: { seconds: 1 } });
    expect(report.requests).toBeLessThanOrEqual(Math.ceil(report.seconds * 100) + 5);
    expect(report.requests).toBeGreaterThan(0);
  });

  it("measures nothing where requests fail", async () => {
    await expect(load({}, 503)).rejects.toThrow(/status 503: \d+\): nothing is measured/);
  });
});
