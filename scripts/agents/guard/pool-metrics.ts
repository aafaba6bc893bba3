import parsePrometheusTextFormat from "parse-prometheus-text-format";

/** What one pod's metrics say; a number that they do not offer is absent. */
export interface PodMetrics {
  /** CPU time of the process since it started, seconds. */
  readonly cpuSeconds?: number;
  /** Resident memory of the process, bytes. */
  readonly memoryBytes?: number;
  /** Workers that are there, whatever they do. */
  readonly workers?: number;
  /** Workers that ended unasked since the process started. */
  readonly workerFailures?: number;
}

const families = {
  cpuSeconds: "process_cpu_seconds_total",
  memoryBytes: "process_resident_memory_bytes",
  workers: "pool_workers",
  workerFailures: "pool_worker_failures_total",
} as const satisfies Record<keyof PodMetrics, string>;

/** Lines with samples of these families. */
const sampleLines = new RegExp(
  `^[ \\t]*(?:${Object.values(families).join("|")})[ \\t{][^\\n]*`,
  "gm",
);

/** How a text of metrics begins: with a comment, or with a name, labels and a number. */
const firstLine = /^\s*(?:#|[a-z_:][a-z0-9_:]*(?:[ \t]*\{[^\n]*\})?[ \t]+[+-]?(?:\.?\d|inf|nan))/i;

/** State of a worker that is gone. */
const gone = "terminated";

/**
 * Reads the Prometheus text of a pod of a pool that keeps to the contract
 * (https://prometheus.io/docs/instrumenting/exposition_formats/).
 *
 * @throws Error where the text is no such text, or where a line that is needed cannot be read
 */
export function readPodMetrics(text: string): PodMetrics {
  if (!firstLine.test(text)) {
    throw new Error(`these are no metrics: ${JSON.stringify(text.slice(0, 60))}`);
  }
  // The parser goes through a text character by character: for a large pool, all lines are too much for it. It also
  // overlooks a last line without an end.
  const lines = (text.match(sampleLines) ?? []).map((line) => `${withoutGaps(line)}\n`).join("");
  const parsed = parsePrometheusTextFormat(lines);
  const samplesOf = (family: string) =>
    parsed.filter(({ name }) => name === family).flatMap(({ metrics }) => metrics);
  const present = samplesOf(families.workers).filter(({ labels }) => labels?.["state"] !== gone);
  return {
    ...number("cpuSeconds", samplesOf(families.cpuSeconds)),
    ...number("memoryBytes", samplesOf(families.memoryBytes)),
    ...number("workers", present),
    ...number("workerFailures", samplesOf(families.workerFailures)),
  };
}

/** The sum of samples under a name; nothing where there are none, or where one of them is no number. */
function number(name: keyof PodMetrics, samples: readonly { readonly value?: string }[]) {
  const total = samples.reduce((sum, { value }) => sum + numberOf(value), 0);
  return samples.length > 0 && Number.isFinite(total) ? { [name]: total } : {};
}

/** A line without blanks after commas: the format allows them, the parser does not. */
function withoutGaps(line: string): string {
  return line.replace(/"(?:[^"\\]|\\.)*"?|,[ \t]+/g, (part) => (part.startsWith(",") ? "," : part));
}

/** An empty value is none, not 0. */
function numberOf(value: string | undefined): number {
  return value === undefined || value === "" ? NaN : Number(value);
}
