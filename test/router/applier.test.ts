import { beforeEach, describe, expect, it } from "vitest";
import { Applier } from "../../scripts/agents/router/applier.ts";
import type { Target } from "../../scripts/agents/router/desired-rollout.ts";
import type { EnvoyView } from "../../scripts/agents/router/envoy-admin.ts";
import type { RouteFiles } from "../../scripts/agents/router/route-files.ts";

function at(percentage: number, version = percentage): Target {
  return { revision: `r${version}.1`, percentage, topology: "both" };
}

const retired: Target = { revision: "r9.1", percentage: 100, topology: "v2-only" };

const view: EnvoyView = {
  applied: at(10),
  inFlight: { v1: 0, v2: 0 },
  readyHosts: { v1: 1, v2: 1 },
  clusters: ["worker-v1", "worker-v2", "worker-v2-then-v1"],
  refusals: 0,
  completed: 0,
  unwrittenBytes: 0,
  start: 0,
  time: 0,
};

const withoutV2: EnvoyView = { ...view, readyHosts: { v1: 1, v2: 0 } };

describe("bringing Envoy to a target", () => {
  /** What was written, in order. */
  let written: string[];
  let applier: Applier;

  const files: Pick<RouteFiles, "writeRoutes" | "writeClusters"> = {
    writeRoutes: ({ revision, percentage }) => {
      written.push(`${revision};${percentage}`);
      return { revision, percentage };
    },
    writeClusters: (topology) => written.push(topology),
  };

  beforeEach(() => {
    written = [];
    applier = new Applier(files, { ...at(10), clusters: "both", routes: "both" });
  });

  it("writes nothing where nothing changed", () => {
    expect(applier.step(at(10), view)).toBeNull();
    expect(written).toEqual([]);
  });

  it("raises with a ready V2 host, and is done when Envoy shows it", () => {
    expect(applier.step(at(25), view)).toContain("has not confirmed revision r25.1 with 25 %");
    expect(applier.step(at(25), { ...view, applied: at(25) })).toBeNull();
    expect(written).toEqual(["r25.1;25"]);
  });

  it.each([
    ["no V2 host is ready", withoutV2],
    ["Envoy does not answer", undefined],
  ])("does not raise while %s", (_, seen) => {
    applier.lower(at(25));
    expect(applier.step(at(25), seen)).toBe(
      "the raise from 10 % to 25 % waits for a ready V2 host",
    );
    expect(written).toEqual([]);
  });

  it.each([
    ["no V2 host is ready", withoutV2],
    ["Envoy does not answer", undefined],
  ])("lowers at once while %s", (_, seen) => {
    applier.step(at(10), seen);
    applier.lower(at(5));
    expect(written).toEqual(["r5.1;5"]);
    expect(applier.step(at(5), seen)).toContain("r5.1");
    expect(written).toEqual(["r5.1;5"]);
  });

  it("writes a new revision of the same percentage without a ready V2 host", () => {
    applier.lower(at(10, 11));
    expect(written).toEqual(["r11.1;10"]);
  });

  it("says what Envoy refused and what it keeps, and does not repeat it", () => {
    applier.step(at(10), view);
    applier.lower(at(5));
    const refusing = { ...view, refusals: 1 };
    const refused = "Envoy refused revision r5.1 with 5 % and keeps revision r10.1 with 10 %";
    expect(applier.step(at(5), refusing)).toBe(refused);
    expect(applier.step(at(5), refusing)).toBe(refused);
    expect(written).toEqual(["r5.1;5"]);
  });

  it("measures a raise from what Envoy kept, not from what it refused", () => {
    applier.step(at(10), view);
    applier.lower(at(5));
    applier.step(at(5), { ...withoutV2, refusals: 1 });
    applier.lower(at(7));
    expect(written).toEqual(["r5.1;5", "r7.1;7"]);
  });

  it("does not take the refusals of an earlier process for one of its file", () => {
    applier.step(at(10), { ...view, refusals: 4 });
    applier.lower(at(5));
    expect(applier.step(at(5), { ...view, refusals: 0 })).toContain("has not confirmed");
    expect(applier.step(at(5), { ...view, refusals: 1 })).toContain("refused");
  });

  it("gives V1 up only with a ready V2 host, though the percentage stays", () => {
    applier = new Applier(files, { ...at(100), clusters: "both", routes: "both" });
    expect(applier.step(retired, { ...withoutV2, applied: at(100) })).toBe(
      "the switch to V2 alone waits for a ready V2 host",
    );
    applier.step(retired, { ...view, applied: at(100) });
    expect(written).toEqual(["r9.1;100"]);
  });

  it("brings V1's clusters before the routes that name them", () => {
    applier = new Applier(files, { ...retired, clusters: "v2-only", routes: "v2-only" });
    const seen = { ...view, applied: retired, clusters: ["worker-v2"] };
    applier.lower(at(50));
    expect(applier.step(at(50), seen)).toContain("wait for the clusters");
    expect(applier.step(at(50), seen)).toContain("wait for the clusters");
    expect(written).toEqual(["both"]);
    applier.step(at(50), { ...view, applied: retired });
    expect(written).toEqual(["both", "r50.1;50"]);
  });
});
