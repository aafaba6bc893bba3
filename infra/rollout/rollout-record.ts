import { assertPercentage, isPercentage } from "./percentage.ts";
import { percentageOfStageName } from "./stages.ts";

/** What the ConfigMap `rollout` says. */
export interface RolloutRecord {
  /** `baseline`, `shadow`, `p<percentage>` or `retired`. */
  readonly stage: string;
  /** Commanded share of V2, integer 0 to 100; 0 at any stage before `retired` while `poolV2Enabled` is off. */
  readonly percentage: number;
}

/** What decided a request, as named by the response header `x-rollout`. */
export interface RolloutHeader {
  /** `r<resourceVersion of rollout>.<resourceVersion of brake>`. */
  readonly revision: string;
  /** Applied percentage, integer 0 to 100. */
  readonly percentage: number;
}

/** Response header that carries revision and percentage of the decision. */
export const rolloutHeaderName = "x-rollout";

/**
 * `data` of the ConfigMap `rollout`.
 *
 * @throws RangeError when the percentage does not belong to the stage
 */
export function rolloutData(
  stage: string,
  percentage: number,
): { readonly stage: string; readonly percentage: string } {
  const data = { stage, percentage: String(percentage) };
  parseRolloutData(data);
  return data;
}

/**
 * Reads `data` of the ConfigMap `rollout`. Strict: what the stack did not write is refused, and the caller keeps
 * what it had.
 *
 * @throws RangeError that names the key, its value and what is allowed
 */
export function parseRolloutData(
  data: Readonly<Record<string, string>> | undefined,
): RolloutRecord {
  const { stage, percentage: text, ...rest } = data ?? {};
  const [unknownKey] = Object.keys(rest);
  if (unknownKey !== undefined) {
    throw new RangeError(
      `ConfigMap rollout: unknown key "${unknownKey}"; use stage and percentage.`,
    );
  }
  if (stage === undefined || text === undefined) {
    const missing = stage === undefined ? "stage" : "percentage";
    throw new RangeError(`ConfigMap rollout: the key ${missing} is missing; pulumi up writes it.`);
  }
  const stagePercentage = percentageOfStageName(stage);
  if (stagePercentage === undefined) {
    throw new RangeError(
      `ConfigMap rollout: stage "${stage}" is none of baseline, shadow, p1 to p100 and retired.`,
    );
  }
  const percentage = parsePercentage(text);
  if (percentage === undefined) {
    throw new RangeError(
      `ConfigMap rollout: percentage "${text}" is not an integer from 0 to 100.`,
    );
  }
  if (percentage !== stagePercentage && (percentage !== 0 || stage === "retired")) {
    throw new RangeError(
      `ConfigMap rollout: percentage "${text}" does not belong to stage ${stage}; ` +
        `use ${stagePercentage}${stage === "retired" || stagePercentage === 0 ? "" : " or 0"}.`,
    );
  }
  return { stage, percentage };
}

/**
 * Revision of a decision: the resourceVersions of both ConfigMaps, `0` for one that is absent. Every write of either
 * gives a new revision, so "applied" can be compared with "commanded".
 */
export function formatRevision(
  rolloutResourceVersion: string | undefined,
  brakeResourceVersion: string | undefined,
): string {
  return `r${rolloutResourceVersion ?? "0"}.${brakeResourceVersion ?? "0"}`;
}

/**
 * Value of the response header `x-rollout`.
 *
 * @throws RangeError when the percentage is not an integer from 0 to 100
 */
export function formatRolloutHeader({ revision, percentage }: RolloutHeader): string {
  assertPercentage(percentage);
  return `${revision};${percentage}`;
}

/** Whether two decisions are of the same revision and percentage; false where one is not known. */
export function sameHeader(a: RolloutHeader | undefined, b: RolloutHeader): boolean {
  return a?.revision === b.revision && a.percentage === b.percentage;
}

/** Reads the response header `x-rollout`; undefined when the value is not one of ours. */
export function parseRolloutHeader(value: string): RolloutHeader | undefined {
  const [, revision, text] = /^(r[0-9]+\.[0-9]+);([0-9]{1,3})$/.exec(value) ?? [];
  const percentage = text === undefined ? undefined : parsePercentage(text);
  return revision === undefined || percentage === undefined ? undefined : { revision, percentage };
}

/** Canonical decimal only: "05", "5.0" and "5 " are refused. */
function parsePercentage(text: string): number | undefined {
  const number = Number(text);
  return isPercentage(number) && String(number) === text ? number : undefined;
}
