/** Name of the first stage: V1 alone, with the router in front of it. */
export const baselineStage = "baseline";
/** Name of the stage that deploys V2 and gives it no traffic. */
const shadowStage = "shadow";
/** Name of the last stage: V1 is gone and the router knows V2 alone. */
export const retiredStage = "retired";

/** Names of the profiles: the ladders that can be had without an override. */
export const profileNames = ["accelerated", "production", "rehearsal"] as const;

/** Name of a profile. */
export type ProfileName = (typeof profileNames)[number];

/** A step of the migration. */
export interface Stage {
  /** `baseline`, `shadow`, `p<percentage>` or `retired`. */
  readonly name: string;
  /** Share of the sessions that V2 serves, integer 0 to 100. */
  readonly percentage: number;
  /** Pools that exist at this stage. */
  readonly pools: { readonly v1: boolean; readonly v2: boolean };
  /** Shortest stay, in seconds, before the next stage may start; absent: it stays until people go on. */
  readonly dwellSeconds: number | undefined;
  /** Whether people have to approve the entry into this stage. */
  readonly approval: boolean;
}

/** A rung of the ladder as the configuration key `stages` describes it. */
export interface StageOverride {
  /** `p<percentage>`. */
  readonly name: string;
  /** Integer 1 to 100. */
  readonly percentage: number;
  /** Shortest stay in minutes; absent: the profile's value for the stage of this name. */
  readonly dwellMinutes?: number | undefined;
  /** Whether people have to approve the entry; absent: the profile's value for the stage of this name. */
  readonly approval?: boolean | undefined;
}

/** Something that is wrong with one rung of an overriding ladder. */
export interface LadderProblem {
  /** Position in the list, from 0; absent when the list as a whole is meant. */
  readonly index: number | undefined;
  /** Field of the rung; absent when the rung as a whole is meant. */
  readonly field: keyof StageOverride | undefined;
  /** What is wrong, as the end of a sentence that begins with the key and its value. */
  readonly problem: string;
  /** What would be accepted. */
  readonly allowed: string;
}

const hour = 3600;
const week = 7 * 24 * hour;

type Rung = Pick<Stage, "percentage" | "dwellSeconds" | "approval">;

const automatic = (percentage: number, dwellSeconds?: number): Rung => ({
  percentage,
  dwellSeconds,
  approval: false,
});

const approved = (percentage: number, dwellSeconds?: number): Rung => ({
  percentage,
  dwellSeconds,
  approval: true,
});

/** Seconds of a rehearsed stage: long enough for the agents to report, short enough to watch. */
const rehearsalDwell = 5;

const profiles: Readonly<Record<ProfileName, readonly Rung[]>> = {
  accelerated: [
    automatic(5, hour),
    automatic(10, hour),
    automatic(25, 2 * hour),
    automatic(50, 4 * hour),
    automatic(75, 8 * hour),
    automatic(100),
  ],
  production: [
    approved(5, week),
    automatic(10, hour),
    approved(25, week),
    approved(50, week),
    automatic(75, 8 * hour),
    approved(100, week),
  ],
  rehearsal: [
    automatic(5, rehearsalDwell),
    automatic(10, rehearsalDwell),
    automatic(25, rehearsalDwell),
    automatic(50, rehearsalDwell),
    automatic(75, rehearsalDwell),
    automatic(100),
  ],
};

/**
 * All stages in order, from `baseline` to `retired`.
 *
 * @param override ladder between `shadow` and `retired` that takes the place of the profile's
 * @throws RangeError when the overriding ladder has problems (`ladderProblems` lists them)
 */
export function stageTable(
  profile: ProfileName,
  override?: readonly StageOverride[],
): readonly Stage[] {
  const [problem] = override === undefined ? [] : ladderProblems(profile, override);
  if (problem !== undefined) {
    throw new RangeError(`The ladder of stages ${problem.problem}: use ${problem.allowed}.`);
  }
  const rungs = override?.map((rung) => overriddenRung(profile, rung)) ?? profiles[profile];
  const both = { v1: true, v2: true };
  return [
    { ...automatic(0, 0), name: baselineStage, pools: { v1: true, v2: false } },
    { ...automatic(0, 0), name: shadowStage, pools: both },
    ...rungs.map((rung) => ({ ...rung, name: `p${rung.percentage}`, pools: both })),
    { ...automatic(100), name: retiredStage, pools: { v1: false, v2: true } },
  ];
}

/** @throws RangeError when the table has no stage of this name */
export function findStage(table: readonly Stage[], name: string): Stage {
  const stage = table.find((candidate) => candidate.name === name);
  if (stage === undefined) {
    throw new RangeError(
      `There is no stage "${name}": use one of ${stageNames(table).join(", ")}.`,
    );
  }
  return stage;
}

/** Names of the stages, in order. */
export function stageNames(table: readonly Stage[]): string[] {
  return table.map((stage) => stage.name);
}

/** Share of traffic that a stage's name stands for; undefined when no stage can have that name. */
export function percentageOfStageName(name: string): number | undefined {
  if (name === baselineStage || name === shadowStage) return 0;
  if (name === retiredStage) return 100;
  const digits = /^p([1-9][0-9]?|100)$/.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/**
 * Everything that is wrong with an overriding ladder: names must be `p<percentage>`, percentages rise strictly and
 * end in 100, and a rung that the profile does not have states its dwell and whether it needs approval.
 */
export function ladderProblems(
  profile: ProfileName,
  ladder: readonly StageOverride[],
): readonly LadderProblem[] {
  const problems: LadderProblem[] = [];
  ladder.forEach((rung, index) => {
    const previous = ladder[index - 1];
    if (ladder.findIndex(({ name }) => name === rung.name) < index) {
      problems.push({
        index,
        field: "name",
        problem: "names a stage that the ladder already has",
        allowed: "each name once",
      });
    } else if (previous !== undefined && rung.percentage <= previous.percentage) {
      problems.push({
        index,
        field: "percentage",
        problem: `does not rise above the ${previous.percentage} % before it`,
        allowed: "percentages that rise from stage to stage",
      });
    }
    if (percentageOfStageName(rung.name) !== rung.percentage) {
      problems.push({
        index,
        field: "name",
        problem: `does not fit its percentage, ${rung.percentage}`,
        allowed: `"p${rung.percentage}"`,
      });
    } else if (profileRung(profile, rung) === undefined) {
      const missing = (["dwellMinutes", "approval"] as const).filter(
        (field) => rung[field] === undefined,
      );
      for (const field of missing) {
        problems.push({
          index,
          field,
          problem: `is missing, and the profile ${profile} has no stage ${rung.name} to take it from`,
          allowed: field === "approval" ? "true or false" : "minutes, 0 or more",
        });
      }
    }
  });
  if (ladder.at(-1)?.percentage !== 100) {
    problems.push({
      index: undefined,
      field: undefined,
      problem: "does not end at 100 %",
      allowed: 'a last stage {"name": "p100", "percentage": 100}',
    });
  }
  return problems;
}

function profileRung(profile: ProfileName, rung: StageOverride): Rung | undefined {
  return profiles[profile].find(({ percentage }) => percentage === rung.percentage);
}

function overriddenRung(profile: ProfileName, rung: StageOverride): Rung {
  const inherited = profileRung(profile, rung);
  return {
    percentage: rung.percentage,
    dwellSeconds:
      rung.dwellMinutes === undefined ? inherited?.dwellSeconds : rung.dwellMinutes * 60,
    approval: rung.approval ?? inherited?.approval ?? false,
  };
}
