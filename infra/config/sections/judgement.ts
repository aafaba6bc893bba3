import { z } from "zod";

import {
  evidenceSettings,
  guardSettings,
  ladderSetting,
  notFoundSetting,
  slowMillisecondsSetting,
} from "../../rollout/evidence/settings.ts";
import type { NumberSetting } from "../../rollout/evidence/number-setting.ts";
import { thresholdSettings } from "../../rollout/evidence/threshold-settings.ts";
import { key } from "../key-info.ts";
import { integer, map, real, oneOf } from "../values.ts";

type Range = Pick<NumberSetting, "minimum" | "maximum" | "integer">;

const rangeAllowed = ({ minimum, maximum, integer: whole }: Range): string =>
  `${whole ? "an integer" : "a number"} from ${minimum} to ${maximum}`;

const numberIn = ({ minimum, maximum, integer: whole }: Range) =>
  whole ? integer(minimum, maximum) : real(minimum, maximum);

/** Without a default in the schema: which one is in force depends on the profile. */
const numberKey = (setting: NumberSetting) =>
  key(numberIn(setting).optional(), {
    description: setting.description,
    allowed: rangeAllowed(setting),
    example: String(setting.default),
    dependentDefault: byProfile(setting.default, setting.rehearsal),
  });

const byProfile = (usual: unknown, rehearsal: unknown) => ({
  usual,
  ...(rehearsal === undefined ? {} : { other: { value: rehearsal, where: "profile rehearsal" } }),
});

/** One key for each number, by name. */
function numberKeys<Group extends Readonly<Record<string, NumberSetting>>>(group: Group) {
  const keys = Object.entries(group).map(([name, setting]) => [name, numberKey(setting)]);
  return Object.fromEntries(keys) as {
    readonly [Name in keyof Group]: ReturnType<typeof numberKey>;
  };
}

/** A part of every rung; the list as a whole has a default. */
const rungKey = (part: "percentage" | "ratio", description: string) => {
  const range = { ...ladderSetting[part], integer: part === "percentage" };
  const values = (ladder: readonly { readonly percentage: number; readonly ratio: number }[]) =>
    ladder.map((rung) => rung[part]).join(", ");
  return key(numberIn(range), {
    description,
    allowed: rangeAllowed(range),
    example: String(ladderSetting.default[0][part]),
    dependentDefault: byProfile(values(ladderSetting.default), values(ladderSetting.rehearsal)),
  });
};

/** By what a stage is judged, and by whom. */
export const judgementSections = {
  thresholds: z.strictObject({
    alert: map(numberKeys(thresholdSettings.alert)),
    rollback: map(numberKeys(thresholdSettings.rollback)),
    window: map(numberKeys(thresholdSettings.window)),
    floor: map(numberKeys(thresholdSettings.floor)),
    memory: map(numberKeys(thresholdSettings.memory)),
  }),
  evidence: z.strictObject({
    ...numberKeys(evidenceSettings),
    slowMilliseconds: key(numberIn(slowMillisecondsSetting).optional(), {
      description: slowMillisecondsSetting.description,
      absent: "measured",
      allowed: rangeAllowed(slowMillisecondsSetting),
      example: "500",
    }),
    notFound: key(z.enum(notFoundSetting.values).default(notFoundSetting.default), {
      description: notFoundSetting.description,
      allowed: oneOf(notFoundSetting.values),
      example: notFoundSetting.default,
    }),
    ladder: z
      .array(
        z.strictObject({
          percentage: rungKey(
            "percentage",
            "Percentage from which this rung of the ladder of detectable harm is in force.",
          ),
          ratio: rungKey(
            "ratio",
            "Ratio of V2's bad sessions to V1's that a stage must be able to see before it passes.",
          ),
        }),
      )
      .default([]),
  }),
  guard: z.strictObject(numberKeys(guardSettings)),
} as const;
