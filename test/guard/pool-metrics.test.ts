import { describe, expect, it } from "vitest";
import { readPodMetrics } from "../../scripts/agents/guard/pool-metrics.ts";
import { poolMetrics } from "../pool/telemetry/metrics.ts";

/** The reference pool's own metrics, with three workers, four more that are gone, and two failures. */
async function referenceText(): Promise<string> {
  const metrics = poolMetrics("v2", {
    queued: () => 0,
    workersByState: () => ({ ready: 2, busy: 1, terminated: 4 }),
    utilization: () => 0,
    workerMemory: () => ({ sum: 1, max: 1 }),
    sessions: () => Promise.resolve(3),
    breaker: () => "closed",
    draining: () => false,
  });
  metrics.workerFailures.inc({ reason: "crashed" }, 1);
  metrics.workerFailures.inc({ reason: "hung" }, 1);
  metrics.duration.observe({ operation: 'a "quoted\\ name"' }, 0.2);
  return metrics.registry.metrics();
}

describe("metrics of a pod", () => {
  it("are read from what the reference pool shows", async () => {
    const { cpuSeconds, memoryBytes, ...rest } = readPodMetrics(await referenceText());
    expect(rest).toEqual({ workers: 3, workerFailures: 2 });
    expect(cpuSeconds).toBeGreaterThan(0);
    expect(memoryBytes).toBeGreaterThan(10 * 1024 * 1024);
  });

  it("lack what is not offered, or is no number", () => {
    const text = [
      "# TYPE process_cpu_seconds_total counter",
      "process_cpu_seconds_total NaN",
      "process_resident_memory_byte 5",
      'pool_workers{state="terminated"} 2',
      "pool_worker_failures_total{} +Inf",
      "",
    ].join("\n");
    expect(readPodMetrics(text)).toEqual({});
    expect(readPodMetrics("other 1\npool_worker_failures_total \n")).toEqual({});
    expect(readPodMetrics("other 1\npool_worker_failures_total many\n")).toEqual({});
    expect(readPodMetrics('pool_workers{state="ready"} 0\n')).toEqual({ workers: 0 });
  });

  it("may have escapes, spaces, times, exponents, and lines that end as on Windows", () => {
    const text = [
      String.raw`# HELP pool_workers "Workers" \\ by state,\nin braces {}`,
      String.raw`pool_workers{state="ready",host="a\", b\"} 9 \\\n{"} 2 1700000000000`,
      '  pool_workers { host="b",  state = "terminated", } 5',
      'pool_workers{state="busy",} 1e1\r',
      String.raw`pool_workers{state="termi\nated"} 1`,
      "process_cpu_seconds_total\t1.5e+2",
      "process_resident_memory_bytes .5e9",
      "",
    ].join("\n");
    expect(readPodMetrics(text)).toEqual({ workers: 13, cpuSeconds: 150, memoryBytes: 5e8 });
  });

  it("are not taken from families of a similar name, nor from the parts of a histogram", () => {
    const text = [
      "# TYPE pool_worker_failures_total_seconds histogram",
      'pool_worker_failures_total_seconds_bucket{le="+Inf"} 7',
      "pool_worker_failures_total_seconds_sum 7",
      "pool_worker_failures_total_seconds_count 7",
      'other{name="pool_workers{state} 9"} 9',
      "my_pool_workers 9",
      "pool_workers_busy 9",
      "# pool_workers 9",
      "",
    ].join("\n");
    expect(readPodMetrics(text)).toEqual({});
  });

  it("may be scattered, and the last line may lack its end", () => {
    const text = 'pool_workers{state="ready"} 3\nother 1\npool_workers{state="busy"} 1';
    expect(readPodMetrics(text)).toEqual({ workers: 4 });
  });

  it("are none where the answer is something else, which the error shows", () => {
    const read = (text: string) => () => readPodMetrics(text);
    expect(read("<html>\n<body>login</body>\n</html>\n")).toThrow(/no metrics: "<html>/);
    expect(read("404 page not found\n")).toThrow(/no metrics: "404 page/);
    expect(read("Not Found")).toThrow(/no metrics: "Not Found"/);
    expect(read('{"pool_workers": 3}')).toThrow(/no metrics/);
    expect(read("")).toThrow(/no metrics: ""/);
  });

  it("are none where a line that is needed is broken, which the error shows; others do not matter", () => {
    expect(() => readPodMetrics('other 1\npool_workers{state="ready" 3\n')).toThrow(
      /invalid line: pool_workers{state="ready" 3$/,
    );
    expect(readPodMetrics('pool_workers 3\nother{a="b" 3\n')).toEqual({ workers: 3 });
  });
});
