/** Metric families of the contract (Prometheus text format, https://prometheus.io/docs/instrumenting/exposition_formats/). */
export const metricNames = [
  "pool_requests_total",
  "pool_request_duration_seconds",
  "pool_queue_wait_seconds",
  "pool_execution_seconds",
  "pool_in_flight_requests",
  "pool_queue_depth",
  "pool_workers",
  "pool_worker_utilization_ratio",
  "pool_worker_starts_total",
  "pool_worker_failures_total",
  "pool_worker_start_seconds",
  "pool_worker_recovery_seconds",
  "pool_worker_resident_memory_bytes",
  "pool_health_checks_total",
  "pool_sessions_active",
  "pool_session_lookups_total",
  "pool_breaker_state",
  "pool_breaker_transitions_total",
  "pool_retries_total",
  "pool_warmup_seconds",
  "pool_draining",
  "pool_build_info",
] as const;

/** Sample lines of the metrics whose names begin so. */
export function samplesOf(text: string, prefix: string): string[] {
  return text.split("\n").filter((line) => line.startsWith(prefix));
}

/** Value of the sample with these labels; 0 where there is none. */
export function sampleValue(text: string, name: string, labels: Record<string, string>): number {
  const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  const line = samplesOf(text, `${name}{`).find((it) => wanted.every((part) => it.includes(part)));
  return Number(line?.slice(line.lastIndexOf(" ") + 1) ?? 0);
}
