import { isPercentage } from "./percentage.ts";

/** Flags that people set in the stack's configuration (`flags.<name>`); all are off by default. */
export const booleanFlagNames = [
  "poolV2Enabled",
  "enhancedWorkers",
  "circuitBreaker",
  "telemetryV2",
  "poolOptimizer",
] as const;

/** Name of a flag that is on or off. */
export type BooleanFlagName = (typeof booleanFlagNames)[number];

/** The flags that the configuration holds. */
export type BooleanFlags = Readonly<Record<BooleanFlagName, boolean>>;

/** All six flags. The sixth is derived from the stage, so that traffic has one declared value only. */
export interface Flags extends BooleanFlags {
  /** Percentage of the declared stage, integer 0 to 100; it takes effect only while `poolV2Enabled` is on. */
  readonly gradualRolloutPercentage: number;
}

/** What holds where nothing was set: everything off, 0 %. */
export const defaultFlags: Flags = {
  poolV2Enabled: false,
  enhancedWorkers: false,
  circuitBreaker: false,
  telemetryV2: false,
  poolOptimizer: false,
  gradualRolloutPercentage: 0,
};

/** Value of a flag. A name that does not exist reads as false: code that asks for it stays on the old path. */
export function readFlag(flags: Flags, name: string): boolean | number {
  return isFlagName(name) ? flags[name] : false;
}

/**
 * Flags with one of them changed.
 *
 * @throws RangeError when the name is unknown, the type is wrong or the percentage is not an integer from 0 to 100
 */
export function writeFlag(flags: Flags, name: string, value: unknown): Flags {
  if (!isFlagName(name)) {
    throw new RangeError(
      `There is no flag "${name}": use one of ${Object.keys(defaultFlags).join(", ")}.`,
    );
  }
  if (name === "gradualRolloutPercentage" ? !isPercentage(value) : typeof value !== "boolean") {
    throw new RangeError(
      `The flag ${name} cannot be ${JSON.stringify(value)}: use ` +
        (name === "gradualRolloutPercentage" ? "an integer from 0 to 100." : "true or false."),
    );
  }
  return { ...flags, [name]: value };
}

/** All six flags of a stack: those of its configuration and the percentage of its stage. */
export function deriveFlags(
  configured: BooleanFlags,
  stage: { readonly percentage: number },
): Flags {
  return writeFlag(
    { ...defaultFlags, ...configured },
    "gradualRolloutPercentage",
    stage.percentage,
  );
}

function isFlagName(name: string): name is keyof Flags {
  return Object.hasOwn(defaultFlags, name);
}
