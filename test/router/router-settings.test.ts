import { describe, expect, it } from "vitest";
import { parseRouterSettings } from "../../infra/rollout/router-settings.ts";

const good = {
  ports: {},
  sessionHeader: "x-session-id",
  pools: { v1: { host: "pool-v1.", port: 8080 }, v2: { host: "pool-v2.", port: 8080 } },
  readinessPath: "/readyz",
  operationTimeoutSeconds: 30,
  idempotencyKeys: true,
};

describe("ROUTER_SETTINGS", () => {
  it("fills in the ports of the pod and Envoy's threads", () => {
    expect(parseRouterSettings(JSON.stringify(good))).toMatchObject({
      bindAddress: "0.0.0.0",
      ports: { listener: 8080, readiness: 8081, admin: 9901, agent: 9090 },
      concurrency: 2,
    });
  });

  it.each([
    [undefined, "is not JSON"],
    ["{", "is not JSON"],
    [
      JSON.stringify({ ...good, sessionHeader: "X-Session-Id" }),
      "sessionHeader: is no header name",
    ],
    [
      JSON.stringify({ ...good, sessionHeader: "cookie" }),
      "sessionHeader: is a header with a meaning",
    ],
    [JSON.stringify({ ...good, readinessPath: "ready" }), "readinessPath: is no absolute path"],
    [JSON.stringify({ ...good, typo: 1 }), "typo"],
    [JSON.stringify({ ...good, ports: { listener: 0 } }), "ports.listener"],
  ])("%s is refused with the key", (json, message) => {
    expect(() => parseRouterSettings(json)).toThrow(message);
  });
});
