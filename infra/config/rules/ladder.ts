import {
  ladderProblems,
  percentageOfStageName,
  retiredStage,
  stageNames,
  stageTable,
} from "../../rollout/stages.ts";
import type { Stage } from "../../rollout/stages.ts";
import { invalid, missing, problem, setCommand } from "../messages.ts";
import type { Problem } from "../messages.ts";
import type { ParsedSections, Sections } from "../schema.ts";

/** All stages of the ladder in force; undefined while the ladder has problems. */
export function stagesInForce({ profile, stages }: ParsedSections): readonly Stage[] | undefined {
  if (profile === undefined || stages === undefined) return undefined;
  if (stages.length === 0) return stageTable(profile);
  return ladderProblems(profile, stages).length === 0 ? stageTable(profile, stages) : undefined;
}

/** The overriding ladder: names, percentages and what it takes from the profile. */
export function ladderRules({ profile, stages = [] }: ParsedSections): readonly Problem[] {
  if (profile === undefined || stages.length === 0) return [];
  return ladderProblems(profile, stages).map(({ index, field, problem: what, allowed }) => {
    if (index === undefined) {
      const next = `stages[${stages.length}]`;
      return problem(
        ["stages"],
        `${what}, but must have ${allowed}`,
        `pulumi config set --path 'pool-migration:${next}.name' p100 && ` +
          `pulumi config set --path 'pool-migration:${next}.percentage' 100`,
      );
    }
    const path = ["stages", index, ...(field === undefined ? [] : [field])];
    const value = field === undefined ? undefined : stages[index]?.[field];
    const shown = value === undefined ? "" : `is ${JSON.stringify(value)}, which `;
    return problem(path, `${shown}${what}; use ${allowed}`, ladderFix(path, stages, index, field));
  });
}

/** Names follow percentages, so a wrong name has one right value; the rest is for people to choose. */
function ladderFix(
  path: readonly PropertyKey[],
  stages: Sections["stages"],
  index: number,
  field: string | undefined,
): string {
  const rung = stages[index];
  if (field === "percentage") {
    return setCommand(path, String((stages[index - 1]?.percentage ?? 0) + 1));
  }
  if (field !== "name") return setCommand(path);
  return rung !== undefined && rung.name !== `p${rung.percentage}`
    ? setCommand(path, `p${rung.percentage}`)
    : `pulumi config rm --path 'pool-migration:stages[${index}]'`;
}

/** The declared stage: that it exists, and what it needs. */
export function stageRules(config: ParsedSections): readonly Problem[] {
  const stages = stagesInForce(config);
  const { stage: name } = config;
  if (stages === undefined || name === undefined) return [];
  const stage = stages.find((candidate) => candidate.name === name);
  if (stage === undefined) {
    const known = percentageOfStageName(name) === undefined ? "" : " of the ladder in force";
    return [invalid(["stage"], name, `must be a stage${known}: ${stageNames(stages).join(", ")}`)];
  }
  const problems = (["v1", "v2"] as const)
    .filter((side) => {
      const section = config[side];
      return stage.pools[side] && section !== undefined && section.image === undefined;
    })
    .map((side) => missing([side, "image"], `at stage ${stage.name}`));
  if (stage.name === retiredStage && config.flags?.poolV2Enabled === false) {
    problems.push(
      invalid(
        ["flags", "poolV2Enabled"],
        false,
        "must be true at stage retired, because V1 is gone there",
      ),
    );
  }
  return problems;
}
