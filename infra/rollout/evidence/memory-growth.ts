import type { EvidenceRow } from "./row.ts";
import type { Thresholds } from "./settings.ts";

/** Samples in a full span: their pairs are what the slope costs. */
const samplesInSpan = 60;

/**
 * Growth is judged from this part of a span on, because a stage may last no longer than a span. A window that is shorter
 * altogether would see more in the slow swings of healthy memory for as long as the stage lasts (simulated with the pool
 * of `npm run simulate` at 50 %: five false rollbacks in 9,600 hours with windows of 40 minutes, none in 19,000 with this).
 */
const leastSpan = 0.6;

/** Standard normal quantile of the one-sided confidence 99.9 %. */
const z = 3.09;

/** Memory of V2 by time, as plain JSON. */
export interface MemoryState {
  /** Percentage that the samples belong to: more sessions take more memory, which is no leak. */
  readonly percentage: number;
  /** Since when V2 has served it, milliseconds since 1970. */
  readonly since: number;
  /** Time in milliseconds since 1970, and mean bytes of a pod. */
  readonly samples: readonly (readonly [at: number, bytes: number])[];
  /** Samples in a row after which growth was over the limit. */
  readonly streak: number;
  /** Growth at the last of them, per cent an hour, lower confidence bound; null where it was not judged. */
  readonly growth: number | null;
}

/** Time at one percentage after which growth of memory is judged for the first time, seconds. */
export function judgedAfterSeconds({ warmUpSeconds, windowSeconds }: Thresholds["memory"]): number {
  return warmUpSeconds + leastSpan * windowSeconds;
}

/** Samples of a new percentage or attempt: none. */
export function memoryStart({ at, stage }: EvidenceRow): MemoryState {
  return { percentage: stage.percentage, since: at, samples: [], streak: 0, growth: null };
}

/** Takes the row's memory as a sample when one is due, and judges growth over the span that is then there. */
export function sampleMemory(
  state: MemoryState,
  row: EvidenceRow,
  { memory, rollback }: Thresholds,
): MemoryState {
  if (row.stage.percentage !== state.percentage) return memoryStart(row);
  const bytes = row.pool?.figures.memoryBytesPerPod;
  const at = row.pool?.at;
  if (bytes === undefined || at === undefined || at < state.since + memory.warmUpSeconds * 1000) {
    return state;
  }
  const spanMs = memory.windowSeconds * 1000;
  const last = state.samples.at(-1);
  if (last !== undefined && at - last[0] < spanMs / samplesInSpan) return state;
  const samples = [
    ...state.samples.filter((sample) => at - sample[0] <= spanMs),
    [at, bytes] as const,
  ];
  const first = samples[0] ?? ([at, bytes] as const);
  if (at - first[0] < leastSpan * spanMs) return { ...state, samples, streak: 0, growth: null };
  const slope = lowerSlope(samples);
  const level = Math.max(1, median(samples.slice(0, samplesInSpan / 6).map(([, value]) => value)));
  const growth = (100 * slope * 3_600_000) / level;
  const length = at - first[0];
  // Over a part swings feign more, and there are fewer samples to tell by: simulated with an hour at each stage, four of
  // 12,000 healthy migrations were rolled back with the same floor for a part as for the whole, none of 24,000 with this.
  const floor = (memory.floorMebibytes * 1024 * 1024 * spanMs) / length;
  const over = growth > rollback.memoryGrowthPercentPerHour && slope * length >= floor;
  // The bound may be minus infinity, which JSON does not know.
  const judged = Number.isFinite(growth) ? growth : null;
  return { ...state, samples, streak: over ? state.streak + 1 : 0, growth: judged };
}

/**
 * Lower confidence bound, 99.9 %, of the median slope of all pairs, in units of the values for each unit of time: the
 * estimator of Theil and Sen with Sen's interval from Kendall's tau (Sen, "Estimates of the regression coefficient
 * based on Kendall's tau", JASA 1968). It does not mind outliers such as a restarted pod. Stated for independent
 * noise: swings that last long make it too narrow, which is why a floor and several samples in a row are asked
 * as well.
 *
 * @param samples at least two, at different times
 */
export function lowerSlope(samples: readonly (readonly [at: number, value: number])[]): number {
  const found: number[] = [];
  for (const [index, [at, value]] of samples.entries()) {
    for (let earlier = 0; earlier < index; earlier += 1) {
      const [from, before] = samples[earlier] ?? [at, value];
      if (from !== at) found.push((value - before) / (at - from));
    }
  }
  // Sorted as numbers, without a call for each comparison.
  const slopes = Float64Array.from(found).sort();
  const n = samples.length;
  const deviation = Math.sqrt((n * (n - 1) * (2 * n + 5)) / 18);
  const rank = Math.floor((slopes.length - z * deviation) / 2);
  return rank < 0 ? -Infinity : (slopes[rank] ?? -Infinity);
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? 0;
}
