import type { Problem } from "./messages.ts";
import { harmLadderRules, holdRules } from "./rules/evidence.ts";
import { ladderRules, stageRules } from "./rules/ladder.ts";
import { replicaRules, resourceRules, settingsRules, timeoutRules } from "./rules/pools.ts";
import { routerRules, tokenRules, toolsRules } from "./rules/router.ts";
import { unavailableRules } from "./rules/unavailable.ts";
import type { ParsedSections } from "./schema.ts";

const rules: readonly ((config: ParsedSections) => readonly Problem[])[] = [
  ladderRules,
  stageRules,
  timeoutRules,
  settingsRules,
  replicaRules,
  resourceRules,
  routerRules,
  tokenRules,
  toolsRules,
  harmLadderRules,
  holdRules,
  unavailableRules,
];

/** Rules that concern more than one key. A rule about a section that could not be parsed waits until it can be. */
export function ruleProblems(config: ParsedSections): readonly Problem[] {
  return rules.flatMap((rule) => rule(config));
}
