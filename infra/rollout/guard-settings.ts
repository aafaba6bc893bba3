import { z } from "zod";
import type { EvaluationSettings } from "./evidence/evaluate.ts";
import type { NumberSetting } from "./evidence/number-setting.ts";
import { poolFigures } from "./evidence/row.ts";
import {
  evidenceSettings,
  guardSettings,
  ladderSetting,
  notFoundSetting,
} from "./evidence/settings.ts";
import { thresholdSettings } from "./evidence/threshold-settings.ts";

const port = z.int().min(1).max(65535);

/** One number for each setting of a group, in its range. */
function numbers<Group extends Readonly<Record<string, NumberSetting>>>(group: Group) {
  const fields = Object.entries(group).map(([name, { minimum, maximum, integer }]) => {
    const number = integer ? z.int() : z.number();
    return [name, number.min(minimum).max(maximum)] as const;
  });
  return z.strictObject(
    Object.fromEntries(fields) as { readonly [Name in keyof Group]: z.ZodNumber },
  );
}

const { percentage, ratio } = ladderSetting;

const evaluation = z.strictObject({
  evidence: numbers(evidenceSettings).extend({
    slowMilliseconds: z.int().min(1).optional(),
    notFound: z.enum(notFoundSetting.values),
    ladder: z.array(
      z.strictObject({
        percentage: z.int().min(percentage.minimum).max(percentage.maximum),
        ratio: z.number().min(ratio.minimum).max(ratio.maximum),
      }),
    ),
  }),
  thresholds: z.strictObject({
    alert: numbers(thresholdSettings.alert),
    rollback: numbers(thresholdSettings.rollback),
    window: numbers(thresholdSettings.window),
    floor: numbers(thresholdSettings.floor),
    memory: numbers(thresholdSettings.memory),
  }),
  intervals: z.strictObject({ evaluation: z.number().min(1), figures: z.number().min(1) }),
  controlledStages: z.int().min(0),
  figures: z.array(z.enum(poolFigures)),
});

/**
 * What a guard is started with (environment variable `GUARD_SETTINGS`, JSON). Nothing in it changes during the life of
 * the pod.
 */
export const guardSettingsSchema = z.strictObject({
  /** Address and port of its report and metrics. */
  bindAddress: z.union([z.ipv4(), z.ipv6()]).default("0.0.0.0"),
  port: port.default(9090),
  /** The router-agents: a name whose addresses are theirs (or the addresses, separated by commas), and their number. */
  agents: z.strictObject({
    host: z.string().min(1),
    port,
    expected: z.int().min(1).max(100),
  }),
  /** How the pods of V2 are read. */
  v2: z.strictObject({
    /** Port and path of their metrics; null where they offer none. */
    metrics: z.strictObject({ port, path: z.string().startsWith("/") }).nullable(),
    /** Limits of a pod: cores (null: none) and bytes. */
    cpuLimitCores: z.number().positive().nullable(),
    memoryLimitBytes: z.number().positive(),
  }),
  evaluation,
  guard: numbers(guardSettings),
});

/** What a guard is started with; defaults filled in. */
export type GuardPodSettings = z.infer<typeof guardSettingsSchema>;

/** The part that its evaluation works with. */
export function evaluationSettings({ evaluation: settings }: GuardPodSettings): EvaluationSettings {
  const { slowMilliseconds, ...evidence } = settings.evidence;
  return { ...settings, evidence: { ...evidence, slowMilliseconds } };
}

/**
 * Reads the value of `GUARD_SETTINGS`.
 *
 * @throws RangeError that lists every problem with its key
 */
export function parseGuardSettings(json: string | undefined): GuardPodSettings {
  let value: unknown;
  try {
    value = JSON.parse(json ?? "");
  } catch {
    throw new RangeError("GUARD_SETTINGS is not JSON: the guard's Deployment sets it.");
  }
  const result = guardSettingsSchema.safeParse(value);
  if (result.success) return result.data;
  const problems = result.error.issues.map(
    ({ path, message }) => `${path.length === 0 ? "the value" : path.join(".")}: ${message}`,
  );
  throw new RangeError(`GUARD_SETTINGS cannot be used: ${problems.join("; ")}.`);
}
