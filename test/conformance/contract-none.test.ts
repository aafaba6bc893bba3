import { once } from "node:events";
import * as http from "node:http";
import type { Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { predictSide } from "../../infra/rollout/decision.ts";
import { stageTable } from "../../infra/rollout/stages.ts";
import { topologyOfStage } from "../../infra/rollout/route-table.ts";
import { EnvoyAdmin } from "../../scripts/agents/router/envoy-admin.ts";
import { World } from "../router/support/world.ts";
import { waitUntil } from "../router/support/wait-until.ts";
import { StaticServer } from "./static-server.ts";

const sessions = Array.from({ length: 60 }, (_, index) => `visitor-${index}`);
const sideOf = (sessionId: string, percentage: number): string =>
  predictSide({ sessionId, requestId: "", percentage }).side;

let world: World | undefined;
const servers: { stop(): void }[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) server.stop();
  await world?.destroy();
  world = undefined;
});

describe("a plain static server as pool (contract: none)", () => {
  it("moves through all stages: each session on its side, no request lost", async () => {
    world = await World.create({ readinessPath: "/index.txt", idempotencyKeys: false });
    const { settings, url } = world;
    await Promise.all([world.v1.stop(), world.v2.stop()]);
    const pools = {
      v1: new StaticServer({ "/index.txt": "v1" }),
      v2: new StaticServer({ "/index.txt": "v2" }),
    };
    servers.push(pools.v1, pools.v2);
    await pools.v1.start(settings.pools.v1.port);
    await pools.v2.start(settings.pools.v2.port);
    const routes = await world.startEnvoy(0);
    const admin = new EnvoyAdmin(settings.ports.admin);
    servers.push({ stop: () => admin.close() });

    // Beside the steps, from baseline to retired and on: every answer must be a page.
    const lost: string[] = [];
    let walking = true;
    let requests = 0;
    const visitor = async (session: string): Promise<void> => {
      while (walking) {
        const answer = await fetch(`${url}/index.txt`, { headers: { "x-session-id": session } });
        const text = await answer.text();
        requests += 1;
        if (answer.status !== 200 || !/^v[12]$/.test(text)) lost.push(`${answer.status} ${text}`);
      }
    };
    const visitors = ["visitor-a", "visitor-b"].map(visitor);

    const stages = stageTable("accelerated");
    expect(stages.map(({ name }) => name).join()).toBe(
      "baseline,shadow,p5,p10,p25,p50,p75,p100,retired",
    );
    const seen: Record<string, number> = {};
    for (const [index, { name, percentage }] of stages.entries()) {
      const revision = `r${index + 2}.1`;
      const topology = topologyOfStage(name);
      const target = { revision, topology, percentage };
      routes.writeRoutes(target);
      await waitUntil(`${name} to be applied`, async () => {
        const applied = (await admin.view())?.applied;
        return applied?.revision === revision && applied.percentage === target.percentage;
      });
      if (topology === "v2-only") {
        routes.writeClusters(topology);
        pools.v1.stop();
      }
      const served = await Promise.all(
        sessions.map(async (session) => {
          const headers = { "x-session-id": session };
          const answer = await fetch(`${url}/index.txt`, { headers });
          return [session, answer.status, await answer.text()];
        }),
      );
      expect(served).toEqual(
        sessions.map((session) => [session, 200, sideOf(session, target.percentage)]),
      );
      seen[name] = served.filter(([, , side]) => side === "v2").length;
    }
    walking = false;
    await Promise.all(visitors);
    expect(lost).toEqual([]);
    expect(requests).toBeGreaterThan(stages.length);
    expect(seen).toMatchObject({ baseline: 0, shadow: 0, p100: 60, retired: 60 });
  }, 60_000);
});

describe("what the router does not do for a pool", () => {
  /** A server in the place of a pool; readiness stays good. */
  async function serve(port: number, listener: http.RequestListener): Promise<http.Server> {
    const server = http.createServer((request, response) => {
      if (request.url === "/readyz") response.end();
      else listener(request, response);
    });
    server.on("upgrade", (_request, socket: Socket) => {
      socket.end(
        "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n",
      );
    });
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
    servers.push({
      stop() {
        server.close();
        server.closeAllConnections();
      },
    });
    return server;
  }

  it("refuses a WebSocket upgrade with 403", async () => {
    world = await World.create();
    await world.v1.stop();
    await serve(world.settings.pools.v1.port, (_request, response) => response.end());
    await world.startEnvoy(0);
    const headers = {
      connection: "Upgrade",
      upgrade: "websocket",
      "sec-websocket-version": "13",
      "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    };
    const request = http.get(`${world.url}/socket`, { headers });
    const outcome = await Promise.race([
      once(request, "upgrade").then(() => "upgraded"),
      once(request, "response").then(([answer]) => (answer as http.IncomingMessage).statusCode),
    ]);
    request.destroy();
    expect(outcome).toBe(403);
  });

  it("cuts an answer that still streams when the route's time is over", async () => {
    // The route's time is the operation's and five seconds more.
    world = await World.create({ operationTimeoutSeconds: 0.5 });
    await world.v1.stop();
    await serve(world.settings.pools.v1.port, (_request, response) => {
      const timer = setInterval(() => response.write("tick\n"), 100);
      response.on("close", () => clearInterval(timer));
    });
    await world.startEnvoy(0);
    const begun = performance.now();
    const answer = await fetch(`${world.url}/stream`);
    expect(answer.status).toBe(200);
    await expect(answer.text()).rejects.toThrow();
    expect((performance.now() - begun) / 1000).toBeGreaterThan(5);
  });

  it("repeats a cut request on V1 only while its body fits the buffer of 1 MiB", async () => {
    world = await World.create();
    await Promise.all([world.v1.stop(), world.v2.stop()]);
    const echoLength: http.RequestListener = (request, response) => {
      let length = 0;
      request.on("data", (chunk: Buffer) => (length += chunk.length));
      request.on("end", () => response.end(String(length)));
    };
    await serve(world.settings.pools.v1.port, echoLength);
    // Reads all of it and then dies: the router has sent the whole body by then.
    await serve(world.settings.pools.v2.port, (request) => {
      request.resume();
      request.on("end", () => request.socket.destroy());
    });
    await world.startEnvoy(100);
    const { url } = world;
    const post = async (bytes: number): Promise<[number, string]> => {
      const headers = { "x-session-id": "s", "idempotency-key": `k${bytes}` };
      const answer = await fetch(url, { method: "POST", headers, body: Buffer.alloc(bytes) });
      return [answer.status, await answer.text()];
    };
    expect(await post(100_000)).toEqual([200, "100000"]);
    expect(await post(1_000_000)).toEqual([200, "1000000"]);
    const [status] = await post(4_000_000);
    expect(status).toBe(503);
  });
});
