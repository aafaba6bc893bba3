import { describe, expect, it } from "vitest";

import {
  namespaceName,
  poolName,
  serviceHost,
  workloadLabels,
  workloadSelector,
} from "../../infra/rollout/names.ts";

describe("namespaceName", () => {
  it.each([
    ["dev", "pool-migration-dev"],
    ["prod-eu-1", "pool-migration-prod-eu-1"],
    ["x".repeat(48), `pool-migration-${"x".repeat(48)}`],
  ])("names the namespace of stack %s", (stack, namespace) => {
    expect(namespaceName(stack)).toBe(namespace);
  });

  it.each(["", "Dev", "a.b", "a_b", "-a", "a-", "x".repeat(49), "org/project/dev"])(
    "refuses stack %j, which cannot be part of a namespace's name",
    (stack) => {
      expect(() => namespaceName(stack)).toThrow(/1 to 48 lower-case letters/);
    },
  );
});

describe("names of a pool's objects", () => {
  it("gives the Service's host a trailing dot, so that no search domain is tried", () => {
    expect(serviceHost(poolName("v1"), "pool-migration-dev")).toBe(
      "pool-v1.pool-migration-dev.svc.cluster.local.",
    );
  });

  it("selects by one label of those that the objects carry", () => {
    expect(workloadSelector("pool-v2")).toEqual({ "app.kubernetes.io/name": "pool-v2" });
    expect(workloadLabels("pool-v2")).toEqual({
      "app.kubernetes.io/name": "pool-v2",
      "app.kubernetes.io/part-of": "pool-migration",
    });
  });
});
