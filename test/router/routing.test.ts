import { readFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { DecisionLine } from "../../infra/rollout/decision-log.ts";
import { isFailedDecision, parseDecisionLine } from "../../infra/rollout/decision-log.ts";
import { predictSide } from "../../infra/rollout/decision.ts";
import type { HeaderLines } from "./support/pipelined-client.ts";
import { sendAll } from "./support/pipelined-client.ts";
import { waitUntil } from "./support/wait-until.ts";
import { World, overrideToken } from "./support/world.ts";

/** A session on the given side at 50 %. */
function sessionOf(side: "v1" | "v2", number = 0): string {
  for (let index = number * 1000; ; index += 1) {
    const sessionId = `s${index}`;
    if (predictSide({ sessionId, requestId: "", percentage: 50 }).side === side) return sessionId;
  }
}

describe("routing by a real Envoy at 50 %", () => {
  let world: World;

  beforeEach(async () => {
    world = await World.create();
  });

  afterEach(() => world.destroy());

  const send = (headers: Record<string, string>, method = "GET"): Promise<Response> =>
    fetch(`${world.url}/x`, { method, headers });

  const served = (response: Response): string | null => response.headers.get("x-served-by");

  /** Lines of the decision log, once there are as many. */
  const lines = (count: number): Promise<DecisionLine[]> =>
    waitUntil(`${count} lines`, async () => {
      const text = await readFile(world.files.decisionLog, "utf8");
      const all = text.split("\n").filter((line) => line !== "");
      return (
        all.length >= count &&
        all.map((line) => parseDecisionLine(line)).filter((line) => line !== undefined)
      );
    });

  it("serves V2's sessions from V1 while V2 is dead, and logs each as a failed fallback of V2", async () => {
    await world.startEnvoy(50);
    await world.v2.stop();
    const sessions = Array.from({ length: 20 }, (_, number) => sessionOf("v2", number));
    for (const session of sessions) {
      const response = await send({ "x-session-id": session }, "POST");
      expect([response.status, served(response)]).toEqual([200, "v1"]);
      expect(response.headers.get("x-rollout")).toBe("r1.1;50");
    }
    const logged = await lines(20);
    expect(logged.map(({ decided, fallback }) => ({ decided, fallback }))).toEqual(
      sessions.map(() => ({ decided: "v2", fallback: true })),
    );
    expect(logged.every((line) => isFailedDecision(line))).toBe(true);
  });

  it("logs ids so that each decision can be predicted again from its line", async () => {
    await world.startEnvoy(50);
    const ids = ["a", "x".repeat(128), "x".repeat(129), "y".repeat(500), 'q"uo\\te', "schön"];
    const requests: HeaderLines[] = ids.flatMap((id, index) => [
      [["x-session-id", id]],
      [
        ["x-session-id", id],
        ["x-request-id", `${id}-${index}`],
      ],
      [["x-request-id", id]],
    ]);
    await sendAll(world.settings.ports.listener, requests, 1);
    const logged = await lines(requests.length);
    for (const [index, line] of logged.entries()) {
      const sent = Object.fromEntries(requests[index] ?? []);
      expect(line.sessionId).toBe(sent["x-session-id"]?.slice(0, 129));
      if (sent["x-request-id"] !== undefined) expect(line.requestId).toBe(sent["x-request-id"]);
      const predicted = predictSide({ ...line, percentage: line.percentage ?? -1 });
      expect([line.decided, line.hashed]).toEqual([predicted.side, predicted.hashed]);
    }
  });

  it("tries nobody else when V2 is unhealthy: attempts stay at one", async () => {
    await world.startEnvoy(50);
    world.v2.readiness = 503;
    await world.readyHosts(1, 0);
    const before = world.v2.requests;
    expect(served(await send({ "x-session-id": sessionOf("v2") }))).toBe("v1");
    expect(world.v2.requests).toBe(before);
    const [line] = await lines(1);
    expect(line).toMatchObject({ decided: "v2", served: "v1", fallback: true, attempts: 1 });
  });

  it("sends nothing to V2 when V1 dies", async () => {
    await world.startEnvoy(50);
    await world.v1.stop();
    await world.readyHosts(0, 1);
    const before = world.v2.requests;
    for (let number = 0; number < 20; number += 1) {
      const response = await send({ "x-session-id": sessionOf("v1", number) });
      expect(response.status).toBe(503);
    }
    expect(world.v2.requests).toBe(before);
    expect(served(await send({ "x-session-id": sessionOf("v2") }))).toBe("v2");
    const logged = await lines(21);
    expect(logged.filter(({ decided }) => decided === "v1")).toHaveLength(20);
    expect(logged.filter(({ decided, status }) => decided === "v1" && status === 503)).toHaveLength(
      20,
    );
  });

  it("leaves the error of a pool that answers as it is", async () => {
    await world.startEnvoy(50);
    world.v2.status = 500;
    const response = await send({ "x-session-id": sessionOf("v2") });
    expect([response.status, served(response)]).toEqual([500, "v2"]);
    expect(await lines(1)).toMatchObject([{ fallback: false, attempts: 1, status: 500 }]);
  });

  it("repeats a cut request on V1 only where that is harmless", async () => {
    await world.startEnvoy(50);
    world.v2.status = 0;
    const session = { "x-session-id": sessionOf("v2") };
    expect(served(await send(session))).toBe("v1");
    expect(served(await send({ ...session, "idempotency-key": "k1" }, "POST"))).toBe("v1");
    expect((await send(session, "POST")).status).toBe(503);
    const logged = await lines(3);
    expect(logged.map(({ retryClass, attempts }) => [retryClass, attempts > 1])).toEqual([
      ["safe", true],
      ["keyed", true],
      ["once", false],
    ]);
  });

  it("does not repeat a cut request with a key that the pools would not honour", async () => {
    await world.destroy();
    world = await World.create({ idempotencyKeys: false });
    await world.startEnvoy(50);
    world.v2.status = 0;
    const headers = { "x-session-id": sessionOf("v2"), "idempotency-key": "k1" };
    expect((await send(headers, "POST")).status).toBe(503);
  });

  it("lets a tester choose the side with the token alone, in a route of its own", async () => {
    await world.startEnvoy(50);
    const onV1 = { "x-session-id": sessionOf("v1") };
    const token = { "x-worker-pool-token": overrideToken };
    const asked = { "x-worker-pool": "v2" };
    expect(served(await send({ ...onV1, ...asked, ...token }))).toBe("v2");
    expect(world.v2.lastHeaders).not.toHaveProperty("x-worker-pool");
    expect(world.v2.lastHeaders).not.toHaveProperty("x-worker-pool-token");
    expect(served(await send({ ...onV1, ...asked }))).toBe("v1");
    expect(world.v1.lastHeaders).not.toHaveProperty("x-worker-pool");
    expect(served(await send({ ...onV1, ...asked, "x-worker-pool-token": "wrong" }))).toBe("v1");
    expect(served(await send({ ...onV1, ...token, "x-worker-pool": "v3" }))).toBe("v1");
    const logged = await lines(4);
    expect(logged.map(({ override, decided }) => [override, decided])).toEqual([
      ["v2", undefined],
      [undefined, "v1"],
      [undefined, "v1"],
      [undefined, "v1"],
    ]);
    expect(await readFile(world.files.decisionLog, "utf8")).not.toContain(overrideToken);
  });

  it("lets no caller change how it retries or how long it waits", async () => {
    await world.startEnvoy(50);
    const asked = {
      "x-envoy-retry-on": "5xx,gateway-error,retriable-status-codes",
      "x-envoy-max-retries": "5",
      "x-envoy-retriable-status-codes": "500",
      "x-envoy-upstream-rq-timeout-ms": "1",
      "x-envoy-upstream-rq-per-try-timeout-ms": "1",
      "x-envoy-upstream-rq-timeout-alt-response": "204",
    };
    world.v1.status = 500;
    world.v1.delay = 50;
    const answer = await send({ "x-session-id": sessionOf("v1"), ...asked });
    expect([served(answer), answer.status]).toEqual(["v1", 500]);
    expect(await lines(1)).toMatchObject([{ attempts: 1, status: 500, flags: "" }]);
  });

  it("gives a tester of a dead V2 no fallback", async () => {
    await world.startEnvoy(50);
    await world.v2.stop();
    await world.readyHosts(1, 0);
    const headers = { "x-worker-pool": "v2", "x-worker-pool-token": overrideToken };
    expect((await send(headers)).status).toBe(503);
  });

  it("ignores the override header where there is no token", async () => {
    await world.startEnvoy(50, null);
    const asked = { "x-session-id": sessionOf("v1"), "x-worker-pool": "v2" };
    expect(served(await send({ ...asked, "x-worker-pool-token": overrideToken }))).toBe("v1");
  });

  it("routes to V2 alone at stage retired, without an arm to V1", async () => {
    const routes = await world.startEnvoy(50);
    routes.writeRoutes({ revision: "r9.1", percentage: 100, topology: "v2-only" });
    const session = { "x-session-id": sessionOf("v1") };
    await waitUntil("the routes to be applied", async () => served(await send(session)) === "v2");
    await world.v2.stop();
    expect((await send(session)).status).toBe(503);
  });
});
