const windowMs = 60_000;
const maxSamples = 20_000;

/** Figures of the last minute. */
export interface Summary {
  /** Answers per second. */
  readonly throughput: number;
  readonly avgLatencyMs: number;
  readonly p99LatencyMs: number;
  /** Share of 5xx and 429, 0 to 1. */
  readonly errorRate: number;
}

/** Remembers the answers of the last minute. */
export class Statistics {
  #samples: { readonly at: number; readonly ms: number; readonly failed: boolean }[] = [];

  /** Adds an answer; 5xx and 429 count as failed. */
  add(ms: number, status: number): void {
    this.#samples.push({ at: performance.now(), ms, failed: status >= 500 || status === 429 });
    if (this.#samples.length > 2 * maxSamples) this.#samples = this.#samples.slice(-maxSamples);
  }

  /** Sums up; all zero when nothing was answered. */
  summary(): Summary {
    const now = performance.now();
    this.#samples = this.#samples.filter(({ at }) => at > now - windowMs);
    const times = this.#samples.map(({ ms }) => ms).sort((a, b) => a - b);
    const count = times.length;
    const first = this.#samples[0];
    if (!first) return { throughput: 0, avgLatencyMs: 0, p99LatencyMs: 0, errorRate: 0 };
    return {
      throughput: count / Math.max(1, (now - first.at) / 1000),
      avgLatencyMs: times.reduce((sum, ms) => sum + ms, 0) / count,
      p99LatencyMs: times[Math.ceil(count * 0.99) - 1] ?? 0,
      errorRate: this.#samples.filter(({ failed }) => failed).length / count,
    };
  }
}

/** Health score of the design series, 0 to 100; higher utilization raises it, so never gate on it. */
export function healthScore(utilization: number, { errorRate, avgLatencyMs }: Summary): number {
  const score =
    0.3 * utilization * 100 + 0.5 * (100 - 100 * errorRate) + 0.2 * (100 - avgLatencyMs);
  return Math.round(Math.min(100, Math.max(0, score)));
}
