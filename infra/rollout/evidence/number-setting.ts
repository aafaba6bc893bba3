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

/** A number within its limits. */
export const realNumber = (description: string, value: number, limits: Limits): NumberSetting => ({
  description,
  default: value,
  integer: false,
  ...limits,
});

/** A whole number within its limits. */
export const wholeNumber = (description: string, value: number, limits: Limits): NumberSetting => ({
  ...realNumber(description, value, limits),
  integer: true,
});

/** Seconds of a day, for settings of long times. */
export const day = 86_400;

/** What each setting of a group is set to. */
export type Numbers<Group> = { readonly [Name in keyof Group]: number };

/** Values of a group: what is set, else the defaults of the profile. */
export function numbersInForce<Group extends Readonly<Record<string, NumberSetting>>>(
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
