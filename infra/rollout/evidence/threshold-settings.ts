import { day, realNumber, wholeNumber } from "./number-setting.ts";
import type { NumberSetting } from "./number-setting.ts";

const percent = { minimum: 0.01, maximum: 100 };

/** Keys `thresholds.*`: the limits of the design series, over windows of V1's and V2's figures. */
export const thresholdSettings = {
  /** Limits that alert people and change nothing. */
  alert: {
    errorRatePercent: realNumber(
      "Share of V2's requests that fail, per cent, above which people are told.",
      5,
      percent,
    ),
    p99Milliseconds: realNumber(
      "99th percentile of V2's answer times above which people are told.",
      200,
      { minimum: 1, maximum: 3_600_000 },
    ),
    cpuPercent: realNumber(
      "CPU use of V2, per cent of its limit, above which people are told.",
      80,
      percent,
    ),
    memoryPercent: realNumber(
      "Memory use of V2, per cent of its limit, above which people are told.",
      90,
      percent,
    ),
    degradation: realNumber(
      "Mean of the increases of p99 and of the error rate from V1 to V2, per cent, above which people are told.",
      10,
      { minimum: 0.1, maximum: 100_000 },
    ),
  },
  /** Limits that roll back: the first three together with session evidence only, the others alone. */
  rollback: {
    errorRatePercent: realNumber(
      "Share of V2's requests that fail, per cent, above which it rolls back if the session evidence agrees.",
      10,
      percent,
    ),
    errorRatio: realNumber(
      "V2's error rate as a multiple of V1's above which it rolls back if the session evidence agrees.",
      3,
      { minimum: 1, maximum: 1000 },
    ),
    p99Ratio: realNumber(
      "V2's p99 as a multiple of V1's above which it rolls back if the session evidence agrees.",
      2,
      { minimum: 1, maximum: 1000 },
    ),
    workerFailurePercent: realNumber(
      "Failures of V2's workers in a window, per cent of its workers, above which it rolls back alone.",
      10,
      percent,
    ),
    memoryGrowthPercentPerHour: realNumber(
      "Growth of V2's memory, per cent an hour (lower confidence bound), above which it rolls back alone.",
      10,
      { minimum: 0.1, maximum: 100_000 },
    ),
  },
  /** When a limit is judged at all. */
  window: {
    seconds: wholeNumber("Length of the windows over which the limits are judged.", 60, {
      rehearsal: 5,
      minimum: 1,
      maximum: 3600,
    }),
    consecutive: wholeNumber("Number of windows in a row that must be over a limit.", 3, {
      rehearsal: 2,
      minimum: 1,
      maximum: 60,
    }),
    minimumRequests: wholeNumber(
      "Requests that each compared side needs in a window for its rates and percentiles to be judged.",
      200,
      { rehearsal: 20, minimum: 1, maximum: 10_000_000 },
    ),
  },
  /** Differences too small to matter, whatever their ratio. */
  floor: {
    errorRatePercent: realNumber(
      "V2's error rate, per cent, below which its ratio to V1's is not judged.",
      1,
      { minimum: 0, maximum: 100 },
    ),
    p99Milliseconds: realNumber(
      "Difference of the p99 between V2 and V1 below which their ratio is not judged.",
      50,
      { minimum: 0, maximum: 3_600_000 },
    ),
    workerFailures: wholeNumber(
      "Failures of V2's workers in a window below which their share is not judged.",
      3,
      { minimum: 1, maximum: 1_000_000 },
    ),
  },
  /** How growth of memory is measured. */
  memory: {
    windowSeconds: wholeNumber(
      "Span of samples over which the growth of V2's memory is measured; it is judged from 60 % of it on.",
      3600,
      { rehearsal: 40, minimum: 10, maximum: 7 * day },
    ),
    warmUpSeconds: wholeNumber(
      "Time after a change of the percentage or of V2 in which growth of its memory is not judged.",
      600,
      { rehearsal: 10, minimum: 0, maximum: day },
    ),
    floorMebibytes: realNumber(
      "Growth of V2's memory for each pod over the span below which it is not judged; over a part of it more, in inverse proportion.",
      32,
      { rehearsal: 8, minimum: 0, maximum: 1_048_576 },
    ),
  },
} as const satisfies Readonly<Record<string, Readonly<Record<string, NumberSetting>>>>;
