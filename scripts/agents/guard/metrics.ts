import { Gauge, Histogram, Registry, collectDefaultMetrics } from "prom-client";
import type { GuardReport } from "../../../infra/rollout/guard-report.ts";
import { sides } from "../../../infra/rollout/decision.ts";

type Values = readonly (readonly [labels: Record<string, string>, value: number | null])[];

/** A gauge whose value is kept elsewhere. */
interface ReportedGauge {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
  /** Without those that are null. */
  readonly values: (report: GuardReport) => Values;
}

const kinds = ["rollback", "hold", "pass", "unknown"] as const;

const gauges: readonly ReportedGauge[] = [
  {
    name: "guard_leads",
    help: "1 while this guard holds the Lease.",
    labelNames: [],
    values: ({ leads }) => [[{}, Number(leads)]],
  },
  {
    name: "guard_evaluation_timestamp_seconds",
    help: "Time of the last evaluation: a heartbeat.",
    labelNames: [],
    values: ({ at }) => [[{}, at / 1000]],
  },
  {
    name: "guard_verdict",
    help: "1 for the kind of the last verdict.",
    labelNames: ["kind"],
    values: ({ verdict }) => kinds.map((kind) => [{ kind }, Number(verdict?.kind === kind)]),
  },
  {
    name: "guard_log_e_value",
    help: "Natural logarithm of the e-value of the relative test over the attempt.",
    labelNames: ["sli"],
    values: ({ verdict }) =>
      (verdict?.evidence ?? []).map(({ sli, cumulative }) => [{ sli }, cumulative.logEValue]),
  },
  {
    name: "guard_sessions",
    help: "V2's distinct sessions at the present percentage.",
    labelNames: [],
    values: ({ verdict }) => [[{}, verdict?.progress.sessions ?? null]],
  },
  {
    name: "guard_sessions_needed",
    help: "V2's sessions that the stage needs before it may pass; absent where only time counts.",
    labelNames: [],
    values: ({ verdict }) => [[{}, verdict?.progress.needed ?? null]],
  },
  {
    name: "guard_requests_per_second",
    help: "Requests by decided side over the last ten seconds.",
    labelNames: ["decided"],
    values: ({ rates }) => sides.map((decided) => [{ decided }, rates[decided].requestsPerSecond]),
  },
  {
    name: "guard_failed_ratio",
    help: "Share of failed requests by decided side over the last ten seconds.",
    labelNames: ["decided"],
    values: ({ rates }) => sides.map((decided) => [{ decided }, rates[decided].failedShare]),
  },
  {
    name: "guard_p99_seconds",
    help: "99th percentile of the answer times by decided side over the last ten seconds.",
    labelNames: ["decided"],
    values: ({ rates }) => sides.map((decided) => [{ decided }, seconds(rates[decided].p99)]),
  },
  {
    name: "guard_applied_percentage",
    help: "Percentage that every router applies.",
    labelNames: [],
    values: ({ stage }) => [[{}, stage.percentage]],
  },
  {
    name: "guard_routers_reporting",
    help: "Routers that report.",
    labelNames: [],
    values: ({ routers }) => [[{}, routers.reporting]],
  },
  {
    name: "guard_braking",
    help: "1 while an engagement by a guard is in force or on its way.",
    labelNames: [],
    values: ({ braking }) => [[{}, Number(braking !== null)]],
  },
  {
    name: "guard_journal_waiting_entries",
    help: "Entries of the journal that wait for the database.",
    labelNames: [],
    values: ({ journal }) => [[{}, journal.waiting]],
  },
];

function seconds(milliseconds: number | null): number | null {
  return milliseconds === null ? null : milliseconds / 1000;
}

/** Upper bounds of the histograms, seconds. */
const buckets = [0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2.5, 5];

/** The guard's metrics. */
export interface GuardMetrics {
  /** All of them, as Prometheus text. */
  text(): Promise<string>;
  /**
   * Enters an evaluation that came to a verdict.
   *
   * @param collecting the part in which the router-agents' answers are awaited and united, milliseconds
   * @param whole from asking the router-agents to the verdict, and to the brake where it is pulled, milliseconds
   */
  evaluated(collecting: number, whole: number): void;
}

/**
 * The report as Prometheus metrics, with the times of the evaluations and Node's own metrics beside them.
 *
 * @param report gives the report of the moment; undefined before the first evaluation
 */
export function guardMetrics(report: () => GuardReport | undefined): GuardMetrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  for (const { name, help, labelNames, values } of gauges) {
    new Gauge({
      name,
      help,
      labelNames: [...labelNames],
      registers: [registry],
      collect() {
        this.reset();
        const now = report();
        if (now === undefined) return;
        for (const [labels, value] of values(now)) if (value !== null) this.set(labels, value);
      },
    });
  }
  const histogram = (name: string, help: string) =>
    new Histogram({ name, help, buckets, registers: [registry] });
  const evaluation = histogram(
    "guard_evaluation_seconds",
    "Time of an evaluation, from asking the router-agents to the verdict.",
  );
  const collection = histogram(
    "guard_collection_seconds",
    "Part of an evaluation's time in which the router-agents' answers are awaited and united.",
  );
  return {
    text: () => registry.metrics(),
    evaluated(collecting, whole) {
      collection.observe(collecting / 1000);
      evaluation.observe(whole / 1000);
    },
  };
}
