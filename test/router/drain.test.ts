import * as http from "node:http";
import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { drain, drainTimes } from "../../scripts/agents/router/drain.ts";
import { EnvoyAdmin } from "../../scripts/agents/router/envoy-admin.ts";
import { World } from "./support/world.ts";

describe("the drain before Envoy is stopped", () => {
  it("gives requests under way as long as the route allows", () => {
    expect(drainTimes({ operationTimeoutSeconds: 30 })).toEqual({ settle: 5, idle: 15, limit: 40 });
  });

  it("fails where Envoy does not answer, so that the cluster says why", async () => {
    const admin = new EnvoyAdmin(1);
    await expect(drain(admin, { settle: 1, idle: 1, limit: 1 })).rejects.toThrow("ECONNREFUSED");
  });
});

describe("the drain of one of two Envoys under load", { timeout: 60_000 }, () => {
  let leaving: World;
  let staying: World;

  beforeEach(async () => {
    [leaving, staying] = await Promise.all([World.create(), World.create()]);
    for (const world of [leaving, staying]) {
      world.v1.delay = 20;
      await world.startEnvoy(0);
    }
  });

  afterEach(async () => {
    await Promise.all([leaving.destroy(), staying.destroy()]);
  });

  it("loses no request, not even one that must not be repeated", async () => {
    let port = leaving.settings.ports.listener;
    const agent = new http.Agent({ keepAlive: true });
    agent.createConnection = () => connect(port, "127.0.0.1");
    const outcomes: string[] = [];
    let finished = false;
    const caller = async (pause: number): Promise<void> => {
      while (!finished) {
        outcomes.push(await post(agent));
        await delay(pause);
      }
    };
    // Busy connections, and some that rest for longer than the drain takes to settle.
    const callers = [0, 0, 5, 5, 50, 50, 300, 900].map(caller);
    await delay(200);
    const admin = new EnvoyAdmin(leaving.settings.ports.admin);
    const drained = drain(admin, { settle: 1, idle: 10, limit: 20 });
    // Other nodes learn a little later that the first one leaves.
    await delay(500);
    const ready = `http://127.0.0.1:${leaving.settings.ports.readiness}/ready`;
    expect((await fetch(ready)).status).toBe(503);
    port = staying.settings.ports.listener;
    await drained;
    expect(await admin.traffic()).toEqual({ connections: 0, requests: 0 });
    admin.close();
    await leaving.envoy.stop();
    finished = true;
    await Promise.all(callers);
    agent.destroy();
    expect(outcomes.filter((outcome) => outcome !== "200")).toEqual([]);
    expect(staying.v1.requests).toBeGreaterThan(0);
  });

  it("waits for a request that is under way", async () => {
    leaving.v1.delay = 2_000;
    const agent = new http.Agent();
    agent.createConnection = () => connect(leaving.settings.ports.listener, "127.0.0.1");
    const answer = post(agent);
    await delay(100);
    const admin = new EnvoyAdmin(leaving.settings.ports.admin);
    await drain(admin, { settle: 0, idle: 0, limit: 20 });
    admin.close();
    await leaving.envoy.stop();
    expect(await answer).toBe("200");
  });
});

/** @returns status, or what went wrong */
function post(agent: http.Agent): Promise<string> {
  return new Promise((resolve) => {
    const headers = { "content-length": 0 };
    const request = http.request({ agent, method: "POST", path: "/x", headers }, (response) => {
      response.resume();
      response.on("end", () => resolve(String(response.statusCode)));
    });
    request.on("error", (error) => resolve(error.message));
    request.end();
  });
}
