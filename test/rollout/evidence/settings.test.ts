import { describe, expect, it } from "vitest";

import {
  evidenceSettings,
  guardSettings,
  ladderSetting,
  settingsInForce,
} from "../../../infra/rollout/evidence/settings.ts";
import { thresholdSettings } from "../../../infra/rollout/evidence/threshold-settings.ts";

const groups = [...Object.values(thresholdSettings), evidenceSettings, guardSettings];

describe("settings of evidence, rules and guard", () => {
  it("have defaults within their ranges", () => {
    const all = groups.flatMap((group) => Object.entries(group));
    expect(all.length).toBeGreaterThan(20);
    const wrong = all.filter(([, setting]) => {
      const values = [
        setting.default,
        "rehearsal" in setting ? setting.rehearsal : setting.default,
      ];
      return values.some(
        (value) =>
          value < setting.minimum ||
          value > setting.maximum ||
          (setting.integer && !Number.isInteger(value)),
      );
    });
    expect(wrong.map(([name]) => name)).toEqual([]);
  });

  it("have ladders that rise in percentage and fall in ratio", () => {
    for (const ladder of [ladderSetting.default, ladderSetting.rehearsal]) {
      const sorted = [...ladder].sort((a, b) => a.percentage - b.percentage || b.ratio - a.ratio);
      expect(ladder).toEqual(sorted);
    }
  });

  it("are those of the design series where nothing is set", () => {
    const { thresholds, evidence, guard } = settingsInForce("accelerated");
    expect(thresholds.alert).toEqual({
      errorRatePercent: 5,
      p99Milliseconds: 200,
      cpuPercent: 80,
      memoryPercent: 90,
      degradation: 10,
    });
    expect(Object.values(thresholds.rollback)).toEqual([10, 3, 2, 10, 10]);
    expect(evidence).toMatchObject({ falseRollbackPercent: 1, notFound: "hold" });
    expect(guard).toMatchObject({ replicas: 2, alertRepeatSeconds: 300 });
  });

  it("take what is set over the default of the profile", () => {
    const given = { evidence: { sloPercent: 99.5 }, thresholds: { window: { seconds: 7 } } };
    const inForce = settingsInForce("rehearsal", given);
    expect(inForce.evidence.sloPercent).toBe(99.5);
    expect(inForce.thresholds.window).toEqual({ seconds: 7, consecutive: 2, minimumRequests: 20 });
    expect(inForce.evidence.ladder).toEqual(ladderSetting.rehearsal);
    expect(settingsInForce("production", given).thresholds.window.consecutive).toBe(3);
  });
});
