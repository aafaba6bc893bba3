import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { BrakePatch } from "../../infra/rollout/brake.ts";
import { BrakeHand } from "../../scripts/agents/guard/braking.ts";

type Options = ConstructorParameters<typeof BrakeHand>[0];

/** Content of the patches that came, also of those that were refused. */
let patches: BrakePatch["data"][];
let refuse: boolean;
let written: boolean;
let hand: BrakeHand;

beforeEach(() => {
  [patches, refuse, written] = [[], false, false];
  const mergePatch = (_kind: unknown, _namespace: unknown, _name: unknown, patch: BrakePatch) => {
    patches.push(patch.data);
    return refuse ? Promise.reject(new Error("the policy refuses it")) : Promise.resolve({});
  };
  const braked = { brake: { engaged: true, engagements: [] }, appliedPercentage: 0 };
  const options = {
    client: () => ({ mergePatch }),
    agents: {
      addresses: () => Promise.resolve(["http://a"]),
      report: () => Promise.resolve(braked),
    },
    written: () => written,
    ...{ namespace: "test", pod: "guard-a", log: pino({ level: "silent" }) },
  };
  hand = new BrakeHand(options as unknown as Options);
});

afterEach(() => hand.stop());

describe("an engagement that only agents hold", () => {
  const engagement = {
    ...{ id: "20260101T000000Z-00000a", who: "guard-b", when: "2026-01-01T00:00:00Z" },
    ...{ why: "V2 fails", source: "guard" },
  };

  it("is written as it is, under its own name and that of the guard that made it", async () => {
    hand.carry(engagement);
    // One that is being written is not written once more.
    hand.carry(engagement);
    await expect.poll(() => patches).toHaveLength(1);
    const { id, ...record } = engagement;
    expect(JSON.parse(patches[0]?.[`engaged.${id}`] ?? "")).toEqual(record);
  });

  it("is written once more where that failed", async () => {
    refuse = true;
    hand.carry(engagement);
    await expect.poll(() => patches).toHaveLength(1);
    await expect
      .poll(() => {
        hand.carry(engagement);
        return patches.length;
      })
      .toBeGreaterThan(1);
  });
});

it("asks no more for an engagement that another guard has carried into the ConfigMap", async () => {
  refuse = true;
  hand.engage("20260101T000000Z", ["V2 fails"], Date.now());
  await expect.poll(() => patches.length, { timeout: 5_000 }).toBeGreaterThan(1);
  written = true;
  const { length } = patches;
  // Two rounds and more: at most the one that was under way still came.
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  expect(patches.length).toBeLessThanOrEqual(length + 1);
});
