import type { ProfileName } from "../stages.ts";
import { day, numbersInForce, realNumber, wholeNumber } from "./number-setting.ts";
import type { Numbers, NumberSetting } from "./number-setting.ts";
import { thresholdSettings } from "./threshold-settings.ts";

/** Numbers under `evidence.*`. */
export const evidenceSettings = {
  sloPercent: realNumber(
    "Share of sessions that must go well, per cent; one minus it is the least failure rate that evidence is sized for.",
    99.9,
    { rehearsal: 99, minimum: 50, maximum: 99.999 },
  ),
  falseRollbackPercent: realNumber(
    "Bound, per cent, on the chance that a migration of a V2 no worse than tolerated is rolled back by evidence from the first percentage to 75 %.",
    1,
    { minimum: 0.001, maximum: 10 },
  ),
  toleratedRatio: realNumber("Ratio of V2's bad sessions to V1's that is tolerated.", 1.2, {
    minimum: 1,
    maximum: 1.45,
  }),
  minimumAgeSeconds: wholeNumber(
    "Least age of a stage's first V2 session before the stage may pass, at least 1.5 times V1's p99; as long after a change no session's first request is timed.",
    900,
    { rehearsal: 5, minimum: 0, maximum: 7 * day },
  ),
  bakeSeconds: wholeNumber(
    "Least age of the stage at 100 % before it may pass: long enough for one peak of the day's business.",
    3600,
    { rehearsal: 5, minimum: 0, maximum: 30 * day },
  ),
  maximumHoldSeconds: wholeNumber(
    "Time at one stage after which evidence that is still short is called inconclusive, and people are asked.",
    day,
    { rehearsal: 600, minimum: 60, maximum: 90 * day },
  ),
} as const satisfies Readonly<Record<string, NumberSetting>>;

/** Key `evidence.slowMilliseconds`: optional, because it is frozen in the shadow stage where it is not set. */
export const slowMillisecondsSetting = {
  description:
    "Answer time above which a request is slow; without it frozen in the shadow stage from V1's p95.",
  minimum: 1,
  maximum: 3_600_000,
  integer: true,
} as const;

/** Key `evidence.notFound`: what more 404 answers of V2 may do. Anyone can ask for what does not exist. */
export const notFoundSetting = {
  description: "What an excess of 404 answers of V2 does: hold, or roll back as an SLI of its own.",
  values: ["hold", "rollback"],
  default: "hold",
} as const;

/** One rung of `evidence.ladder`: the harm that a stage must be able to see before it passes. */
export interface LadderRung {
  /** Percentage from which the rung is in force, integer 1 to 99. */
  readonly percentage: number;
  /** Ratio of V2's bad sessions to V1's that must be detectable, above the tolerated ratio, at most 100. */
  readonly ratio: number;
}

/**
 * Key `evidence.ladder`. A stage uses the last rung that is not above its percentage (the first rung where there is
 * none); above 50 % V1 is too small a control and only time counts, at 100 % there is none.
 */
export const ladderSetting = {
  description: "Smallest ratio of harm that each stage must be able to see before it passes.",
  percentage: { minimum: 1, maximum: 50 },
  ratio: { minimum: 1.5, maximum: 100 },
  default: [
    { percentage: 5, ratio: 10 },
    { percentage: 10, ratio: 5 },
    { percentage: 25, ratio: 4 },
    { percentage: 50, ratio: 3 },
  ],
  rehearsal: [
    { percentage: 5, ratio: 30 },
    { percentage: 25, ratio: 20 },
    { percentage: 50, ratio: 10 },
  ],
} as const;

/** Keys `guard.*`. */
export const guardSettings = {
  replicas: wholeNumber(
    "Number of guard pods; each evaluates and may brake, one of them journals.",
    2,
    {
      minimum: 1,
      maximum: 5,
    },
  ),
  intervalSeconds: realNumber("Time between two evaluations.", 1, { minimum: 0.5, maximum: 10 }),
  journalSeconds: wholeNumber(
    "Time between two journal rows while the verdict stays the same.",
    5,
    {
      rehearsal: 1,
      minimum: 1,
      maximum: 300,
    },
  ),
  missingDataAlertSeconds: wholeNumber(
    "Time without complete data after which people are told.",
    60,
    {
      rehearsal: 10,
      minimum: 1,
      maximum: 3600,
    },
  ),
  alertRepeatSeconds: wholeNumber("Time in which the same alert is sent only once.", 300, {
    minimum: 0,
    maximum: day,
  }),
} as const satisfies Readonly<Record<string, NumberSetting>>;

/** What `thresholds.*` is set to. */
export type Thresholds = {
  readonly [Group in keyof typeof thresholdSettings]: Numbers<(typeof thresholdSettings)[Group]>;
};

/** What `evidence.*` is set to. */
export type EvidenceSettings = Numbers<typeof evidenceSettings> & {
  readonly slowMilliseconds: number | undefined;
  readonly notFound: (typeof notFoundSetting.values)[number];
  readonly ladder: readonly LadderRung[];
};

/** What `guard.*` is set to. */
export type GuardSettings = Numbers<typeof guardSettings>;

/** What may be set under `thresholds`, `evidence` and `guard`; whatever is absent has the profile's default. */
export interface GivenSettings {
  readonly thresholds?: {
    readonly [Group in keyof Thresholds]?: Given<Thresholds[Group]> | undefined;
  };
  readonly evidence?: Given<EvidenceSettings>;
  readonly guard?: Given<GuardSettings>;
}

type Given<Values> = { readonly [Name in keyof Values]?: Values[Name] | undefined };

/** All settings that the evidence, the rules and the guard work with. */
export interface AllSettings {
  readonly thresholds: Thresholds;
  readonly evidence: EvidenceSettings;
  readonly guard: GuardSettings;
}

/** The settings in force: what is set, else the defaults of the profile. Ranges are the schema's to check. */
export function settingsInForce(profile: ProfileName, given: GivenSettings = {}): AllSettings {
  const thresholds = Object.fromEntries(
    Object.entries(thresholdSettings).map(([name, group]) => [
      name,
      numbersInForce(profile, group, given.thresholds?.[name as keyof Thresholds]),
    ]),
  ) as unknown as Thresholds;
  const { default: standard, rehearsal } = ladderSetting;
  return {
    thresholds,
    evidence: {
      ...numbersInForce(profile, evidenceSettings, given.evidence),
      slowMilliseconds: given.evidence?.slowMilliseconds,
      notFound: given.evidence?.notFound ?? notFoundSetting.default,
      ladder: given.evidence?.ladder ?? (profile === "rehearsal" ? rehearsal : standard),
    },
    guard: numbersInForce(profile, guardSettings, given.guard),
  };
}
