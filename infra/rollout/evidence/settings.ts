import type { ProfileName } from "../stages.ts";

/** A number that the configuration may set. */
export interface NumberSetting {
  /** What it means, as a sentence with its unit. */
  readonly description: string;
  /** Value where nothing is set. */
  readonly default: number;
  /** Value where nothing is set in the profile `rehearsal`; absent: the same as in the others. */
  readonly rehearsal?: number;
  /** Smallest and largest value that are accepted. */
  readonly minimum: number;
  readonly maximum: number;
  /** Whether it must be a whole number. */
  readonly integer: boolean;
}

type Limits = Pick<NumberSetting, "minimum" | "maximum"> & { readonly rehearsal?: number };

const real = (description: string, value: number, limits: Limits): NumberSetting => ({
  description,
  default: value,
  integer: false,
  ...limits,
});

const whole = (description: string, value: number, limits: Limits): NumberSetting => ({
  ...real(description, value, limits),
  integer: true,
});

const percent = { minimum: 0.01, maximum: 100 };
const day = 86_400;

/** Keys `thresholds.*`: the limits of the design series, over windows of V1's and V2's figures. */
export const thresholdSettings = {
  /** Limits that alert people and change nothing. */
  alert: {
    errorRatePercent: real(
      "Share of V2's requests that fail, per cent, above which people are told.",
      5,
      percent,
    ),
    p99Milliseconds: real(
      "99th percentile of V2's answer times above which people are told.",
      200,
      { minimum: 1, maximum: 3_600_000 },
    ),
    cpuPercent: real(
      "CPU use of V2, per cent of its limit, above which people are told.",
      80,
      percent,
    ),
    memoryPercent: real(
      "Memory use of V2, per cent of its limit, above which people are told.",
      90,
      percent,
    ),
    degradation: real(
      "Mean of the increases of p99 and of the error rate from V1 to V2, per cent, above which people are told.",
      10,
      { minimum: 0.1, maximum: 100_000 },
    ),
  },
  /** Limits that roll back: the first three together with session evidence only, the others alone. */
  rollback: {
    errorRatePercent: real(
      "Share of V2's requests that fail, per cent, above which it rolls back if the session evidence agrees.",
      10,
      percent,
    ),
    errorRatio: real(
      "V2's error rate as a multiple of V1's above which it rolls back if the session evidence agrees.",
      3,
      { minimum: 1, maximum: 1000 },
    ),
    p99Ratio: real(
      "V2's p99 as a multiple of V1's above which it rolls back if the session evidence agrees.",
      2,
      { minimum: 1, maximum: 1000 },
    ),
    workerFailurePercent: real(
      "Failures of V2's workers in a window, per cent of its workers, above which it rolls back alone.",
      10,
      percent,
    ),
    memoryGrowthPercentPerHour: real(
      "Growth of V2's memory, per cent an hour (lower confidence bound), above which it rolls back alone.",
      10,
      { minimum: 0.1, maximum: 100_000 },
    ),
  },
  /** When a limit is judged at all. */
  window: {
    seconds: whole("Length of the windows over which the limits are judged.", 60, {
      rehearsal: 5,
      minimum: 1,
      maximum: 3600,
    }),
    consecutive: whole("Number of windows in a row that must be over a limit.", 3, {
      rehearsal: 2,
      minimum: 1,
      maximum: 60,
    }),
    minimumRequests: whole(
      "Requests that each compared side needs in a window for its rates and percentiles to be judged.",
      200,
      { rehearsal: 20, minimum: 1, maximum: 10_000_000 },
    ),
  },
  /** Differences too small to matter, whatever their ratio. */
  floor: {
    errorRatePercent: real(
      "V2's error rate, per cent, below which its ratio to V1's is not judged.",
      1,
      { minimum: 0, maximum: 100 },
    ),
    p99Milliseconds: real(
      "Difference of the p99 between V2 and V1 below which their ratio is not judged.",
      50,
      { minimum: 0, maximum: 3_600_000 },
    ),
    workerFailures: whole(
      "Failures of V2's workers in a window below which their share is not judged.",
      3,
      { minimum: 1, maximum: 1_000_000 },
    ),
  },
  /** How growth of memory is measured. */
  memory: {
    windowSeconds: whole(
      "Span of samples over which the growth of V2's memory is measured.",
      3600,
      { rehearsal: 40, minimum: 10, maximum: 7 * day },
    ),
    warmUpSeconds: whole(
      "Time after a change of the percentage or of V2 in which growth of its memory is not judged.",
      900,
      { rehearsal: 10, minimum: 0, maximum: day },
    ),
    floorMebibytes: real(
      "Growth of V2's memory for each pod over the span below which it is not judged.",
      32,
      { rehearsal: 8, minimum: 0, maximum: 1_048_576 },
    ),
  },
} as const satisfies Readonly<Record<string, Readonly<Record<string, NumberSetting>>>>;

/** Numbers under `evidence.*`. */
export const evidenceSettings = {
  sloPercent: real(
    "Share of sessions that must go well, per cent; one minus it is the least failure rate that evidence is sized for.",
    99.9,
    { rehearsal: 99, minimum: 50, maximum: 99.999 },
  ),
  falseRollbackPercent: real(
    "Bound, per cent, on the chance that a migration of a V2 no worse than tolerated is rolled back by evidence from the first percentage to 75 %.",
    1,
    { minimum: 0.001, maximum: 10 },
  ),
  toleratedRatio: real("Ratio of V2's bad sessions to V1's that is tolerated.", 1.2, {
    minimum: 1,
    maximum: 1.45,
  }),
  minimumAgeSeconds: whole(
    "Least age of a stage's first V2 session before the stage may pass; at least 1.5 times V1's p99 in any case.",
    900,
    { rehearsal: 5, minimum: 0, maximum: 7 * day },
  ),
  bakeSeconds: whole(
    "Least age of the stage at 100 % before it may pass: long enough for one peak of the day's business.",
    3600,
    { rehearsal: 5, minimum: 0, maximum: 30 * day },
  ),
  maximumHoldSeconds: whole(
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
  replicas: whole("Number of guard pods; each evaluates and may brake, one of them journals.", 2, {
    minimum: 1,
    maximum: 5,
  }),
  intervalSeconds: real("Time between two evaluations.", 1, { minimum: 0.5, maximum: 10 }),
  journalSeconds: whole("Time between two journal rows while the verdict stays the same.", 5, {
    rehearsal: 1,
    minimum: 1,
    maximum: 300,
  }),
  missingDataAlertSeconds: whole("Time without complete data after which people are told.", 60, {
    rehearsal: 10,
    minimum: 1,
    maximum: 3600,
  }),
  alertRepeatSeconds: whole("Time in which the same alert is sent only once.", 300, {
    minimum: 0,
    maximum: day,
  }),
} as const satisfies Readonly<Record<string, NumberSetting>>;

type Numbers<Group> = { readonly [Name in keyof Group]: number };

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
      numbers(profile, group, given.thresholds?.[name as keyof Thresholds]),
    ]),
  ) as unknown as Thresholds;
  const { default: standard, rehearsal } = ladderSetting;
  return {
    thresholds,
    evidence: {
      ...numbers(profile, evidenceSettings, given.evidence),
      slowMilliseconds: given.evidence?.slowMilliseconds,
      notFound: given.evidence?.notFound ?? notFoundSetting.default,
      ladder: given.evidence?.ladder ?? (profile === "rehearsal" ? rehearsal : standard),
    },
    guard: numbers(profile, guardSettings, given.guard),
  };
}

function numbers<Group extends Readonly<Record<string, NumberSetting>>>(
  profile: ProfileName,
  group: Group,
  given: Readonly<Partial<Record<string, unknown>>> = {},
): Numbers<Group> {
  const values: Record<string, unknown> = {};
  for (const [name, setting] of Object.entries(group)) {
    const fallback =
      profile === "rehearsal" ? (setting.rehearsal ?? setting.default) : setting.default;
    values[name] = given[name] ?? fallback;
  }
  return values as Numbers<Group>;
}
