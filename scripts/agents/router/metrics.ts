import { Counter, Gauge, Registry, collectDefaultMetrics } from "prom-client";
import type { AgentReport } from "../../../infra/rollout/agent-report.ts";
import { sides } from "../../../infra/rollout/decision.ts";

/** A counter whose value is kept elsewhere. */
interface ReportedCounter {
  readonly name: string;
  readonly help: string;
  readonly values: (
    report: AgentReport,
  ) => readonly [labels: Record<string, string>, value: number][];
}

type SideCount = keyof AgentReport["decisions"]["v1"];

function bySide(field: SideCount): ReportedCounter["values"] {
  return ({ decisions }) => sides.map((side) => [{ decided: side }, decisions[side][field]]);
}

const counters: readonly ReportedCounter[] = [
  {
    name: "router_decisions_total",
    help: "Requests by decided side.",
    values: bySide("requests"),
  },
  {
    name: "router_failed_requests_total",
    help: "Requests by decided side that failed: 5xx, 429, no answer, a reset, several attempts or a fallback.",
    values: bySide("failed"),
  },
  {
    name: "router_fallbacks_total",
    help: "Requests by decided side that the other side served.",
    values: bySide("fallbacks"),
  },
  {
    name: "router_overrides_total",
    help: "Requests that the override header sent to a side.",
    values: ({ overrides }) => sides.map((side) => [{ side }, overrides[side]]),
  },
  {
    name: "router_log_lines_read_total",
    help: "Lines of the decision log that were read.",
    values: ({ log }) => [[{}, log.linesRead]],
  },
  {
    name: "router_log_lines_unreadable_total",
    help: "Lines of the decision log that were read and could not be understood.",
    values: ({ log }) => [[{}, log.unreadableLines]],
  },
  {
    name: "router_log_lines_lost_total",
    help: "Requests that Envoy counted and whose line never came.",
    values: ({ log }) => [[{}, log.lostLines]],
  },
];

/** A gauge whose value is kept elsewhere. */
interface ReportedGauge {
  readonly name: string;
  readonly help: string;
  readonly values: ReportedCounter["values"];
}

const gauges: readonly ReportedGauge[] = [
  {
    name: "router_applied_percentage",
    help: "Percentage that Envoy applies.",
    values: (report) => [[{}, report.appliedPercentage]],
  },
  {
    name: "router_commanded_percentage",
    help: "Percentage that the ConfigMap rollout says.",
    values: (report) => [[{}, report.commanded.percentage]],
  },
  {
    name: "router_brake_engaged",
    help: "1 while the brake is engaged.",
    values: (report) => [[{}, Number(report.brake.engaged)]],
  },
  {
    name: "router_waiting",
    help: "1 while applied and wanted differ.",
    values: (report) => [[{}, Number(report.waiting !== null)]],
  },
  {
    name: "router_ready_hosts",
    help: "Hosts of a pool that Envoy's health checks call healthy.",
    values: ({ readyHosts }) => sides.map((side) => [{ pool: side }, readyHosts[side]]),
  },
  {
    name: "router_api_server_reachable",
    help: "1 while the last exchange with the Kubernetes API server succeeded.",
    values: ({ apiServer }) => [[{}, Number(apiServer.reachable)]],
  },
  {
    name: "router_api_server_contact_age_seconds",
    help: "Seconds since the last successful exchange with the Kubernetes API server.",
    values: ({ apiServer }) => [[{}, apiServer.secondsSinceContact]],
  },
];

/**
 * The report as Prometheus metrics, with Node's own beside them.
 *
 * @param report gives the report of the moment
 */
export function agentMetrics(report: () => AgentReport): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  for (const { name, help, values } of counters) {
    new Counter({
      name,
      help,
      labelNames: labelNames(values(report())),
      registers: [registry],
      collect() {
        this.reset();
        for (const [labels, value] of values(report())) this.inc(labels, value);
      },
    });
  }
  for (const { name, help, values } of gauges) {
    new Gauge({
      name,
      help,
      labelNames: labelNames(values(report())),
      registers: [registry],
      collect() {
        for (const [labels, value] of values(report())) this.set(labels, value);
      },
    });
  }
  return registry;
}

function labelNames(values: ReturnType<ReportedCounter["values"]>): string[] {
  return Object.keys(values[0]?.[0] ?? {});
}
