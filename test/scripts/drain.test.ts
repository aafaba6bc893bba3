import { expect, it } from "vitest";
import { runScript } from "../lib/run-script.ts";

const settings = {
  ports: { admin: 9 },
  sessionHeader: "x-session-id",
  pools: { v1: { host: "v1", port: 80 }, v2: { host: "v2", port: 80 } },
  readinessPath: "/readyz",
  operationTimeoutSeconds: 1,
  idempotencyKeys: true,
};

it.each([
  { given: {}, code: 2, says: /^drain: ROUTER_SETTINGS is not JSON: .*\n$/ },
  {
    given: { ROUTER_SETTINGS: "{}" },
    code: 2,
    says: /^drain: ROUTER_SETTINGS cannot be used: .*\n$/,
  },
  {
    given: { ROUTER_SETTINGS: JSON.stringify(settings) },
    code: 3,
    says: /^drain: .*ECONNREFUSED.*\n$/,
  },
])("drain says in one line what keeps it from draining, and ends with $code", async (trial) => {
  const { code, stderr } = await runScript("agents/drain", [], trial.given);
  expect(code).toBe(trial.code);
  expect(stderr).toMatch(trial.says);
});
