import { quantile } from "../statistics.ts";

/** How long an evaluation took, seconds. */
export interface EvaluationTime {
  /** From asking the router-agents to the verdict. */
  readonly whole: number;
  /** The part of it in which their answers were awaited and united; the rest is judging. */
  readonly collecting: number;
}

/** Times of many evaluations, seconds. */
export interface EvaluationTimes {
  readonly count: number;
  readonly median: number;
  readonly p99: number;
  /** The one that took longest. */
  readonly longest: EvaluationTime;
  /** Longest time from one verdict to the next. */
  readonly longestPause: number;
}

/** What is read from a guard's metrics, cumulative. */
interface Sums {
  readonly count: number;
  readonly whole: number;
  readonly collecting: number;
}

/** Takes the times of single evaluations from the guard's histograms, which are looked at more often than it evaluates. */
export class EvaluationClock {
  private before: Sums | undefined;
  private counted = 0;
  private readonly times: EvaluationTime[] = [];
  private verdictAt: number | undefined;
  private longestPause = 0;

  /**
   * Takes a look; the first one is where it begins. Several evaluations since the last look count as one that took as long as
   * all of them, so that none seems shorter than it was.
   *
   * @param metrics Prometheus text of the guard
   * @param verdictAt when it came to its last verdict, milliseconds since 1970
   */
  look(metrics: string, verdictAt: number): void {
    const now = {
      count: sample(metrics, "guard_evaluation_seconds_count"),
      whole: sample(metrics, "guard_evaluation_seconds_sum"),
      collecting: sample(metrics, "guard_collection_seconds_sum"),
    };
    const { before } = this;
    this.before = now;
    if (before !== undefined && now.count > before.count) {
      this.counted += now.count - before.count;
      const whole = now.whole - before.whole;
      this.times.push({ whole, collecting: now.collecting - before.collecting });
    }
    const pause = (verdictAt - (this.verdictAt ?? verdictAt)) / 1000;
    this.longestPause = Math.max(this.longestPause, pause);
    this.verdictAt = verdictAt;
  }

  /** @throws RangeError where no evaluation was seen */
  get summary(): EvaluationTimes {
    const { times, counted: count, longestPause } = this;
    const [longest] = times.toSorted((a, b) => b.whole - a.whole);
    if (longest === undefined) throw new RangeError("The guard has not evaluated anything.");
    const wholes = times.map(({ whole }) => whole);
    const [median, p99] = [quantile(wholes, 0.5), quantile(wholes, 0.99)];
    return { count, median, p99, longest, longestPause };
  }
}

/**
 * Value of a metric without labels.
 *
 * @throws RangeError where the text has none of that name
 */
export function sample(metrics: string, name: string): number {
  const value = new RegExp(`^${name} (\\S+)$`, "m").exec(metrics)?.[1];
  if (value === undefined) throw new RangeError(`The guard's metrics have no ${name}.`);
  return Number(value);
}
