import { afterEach, describe, expect, it } from "vitest";
import { RouterPod } from "./support/router-pod.ts";

describe("the router-agent beside a real Envoy", () => {
  let pod: RouterPod;

  afterEach(() => pod.destroy());

  it("applies what the stack commands, and says so from Envoy's own configuration", async () => {
    pod = await RouterPod.create("p25", 25);
    await pod.start();
    const report = await pod.applied(25);
    expect(report.revision).toBe(report.commanded.revision);
    expect(report.commanded).toMatchObject({ stage: "p25", percentage: 25 });
    expect(report.apiServer.reachable).toBe(true);
    pod.rollout("p50", 50);
    expect((await pod.applied(50)).readyHosts).toEqual({ v1: 1, v2: 1 });
    pod.api.patch("brake", { engaged: "test" });
    expect((await pod.applied(0)).brake.engagements).toMatchObject([{ id: "anonymous" }]);
  });
});
