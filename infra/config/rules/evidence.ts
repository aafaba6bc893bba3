import { settingsInForce } from "../../rollout/evidence/settings.ts";
import type { GivenSettings } from "../../rollout/evidence/settings.ts";
import { invalid, problem, removeCommand, setCommand } from "../messages.ts";
import type { Problem } from "../messages.ts";
import type { ParsedSections } from "../schema.ts";

/** What is set of the judgement; an empty ladder is none. */
export function givenSettings({ thresholds, evidence, guard }: ParsedSections): GivenSettings {
  const ladder = evidence?.ladder.length === 0 ? undefined : evidence?.ladder;
  return { thresholds: thresholds ?? {}, evidence: { ...evidence, ladder }, guard: guard ?? {} };
}

/** Rungs of the ladder of detectable harm rise, as the percentages of the stages do. */
export function harmLadderRules({ evidence }: ParsedSections): readonly Problem[] {
  return (evidence?.ladder ?? []).flatMap(({ percentage }, index, ladder) => {
    const previous = ladder[index - 1]?.percentage;
    if (previous === undefined || percentage > previous) return [];
    return [
      problem(
        ["evidence", "ladder", index, "percentage"],
        `is ${percentage}, but must be above the ${previous} of the rung before it`,
        removeCommand(["evidence", "ladder", index]),
      ),
    ];
  });
}

/** A stage that is called inconclusive before it may pass could never pass. */
export function holdRules(config: ParsedSections): readonly Problem[] {
  if (config.profile === undefined || config.evidence === undefined) return [];
  const { evidence } = settingsInForce(config.profile, givenSettings(config));
  const longest = evidence.minimumAgeSeconds > evidence.bakeSeconds ? "minimumAge" : "bake";
  const least = evidence[`${longest}Seconds`];
  if (evidence.maximumHoldSeconds > least) return [];
  const path = ["evidence", "maximumHoldSeconds"];
  const reason = `must be above evidence.${longest}Seconds (${least}), or no stage could ever pass`;
  const fix = setCommand(path, String(Math.max(60, least + 1)));
  return [invalid(path, evidence.maximumHoldSeconds, reason, fix)];
}
