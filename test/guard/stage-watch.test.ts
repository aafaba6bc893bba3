import { expect, it } from "vitest";
import type { AgentReport } from "../../infra/rollout/agent-report.ts";
import type { EvidenceUnion } from "../../infra/rollout/evidence/union.ts";
import { StageWatch } from "../../scripts/agents/guard/stage-watch.ts";

const now = Date.UTC(2026, 0, 1);

/** What the routers know of V2's first request, whatever the percentage. */
const knowing = (first: number | undefined) =>
  ({ firstAt: () => first }) as unknown as EvidenceUnion;

const applying = (percentage: number, stage = "p10"): AgentReport =>
  ({
    appliedPercentage: percentage,
    commanded: { revision: "r1", stage, percentage },
  }) as unknown as AgentReport;

it("keeps the age of a stage over a restart, after which routers tell only what came since", () => {
  const watch = new StageWatch();
  watch.resume({ name: "p10", percentage: 10, since: now - 60_000, firstV2At: now - 50_000 });
  const both = [applying(10), applying(10)];
  expect(watch.observe(both, undefined, knowing(now - 1000), now)).toMatchObject({
    since: now - 60_000,
    firstV2At: now - 50_000,
  });
  expect(watch.observe(both, undefined, knowing(undefined), now).firstV2At).toBe(now - 50_000);
  // All that they know may also go back further than what was kept.
  expect(watch.observe(both, undefined, knowing(now - 55_000), now).firstV2At).toBe(now - 55_000);
});

it("begins anew with another percentage, once every router applies it", () => {
  const watch = new StageWatch();
  watch.observe([applying(10)], undefined, knowing(now), now);
  const apart = [applying(10), applying(25, "p25")];
  expect(watch.observe(apart, undefined, knowing(undefined), now + 1000)).toMatchObject({
    percentage: 10,
    since: now,
  });
  const together = [applying(25, "p25"), applying(25, "p25")];
  expect(watch.observe(together, undefined, knowing(undefined), now + 2000)).toEqual({
    name: "p25",
    percentage: 25,
    since: now + 2000,
    firstV2At: null,
  });
});
