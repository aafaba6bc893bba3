import type { GuardReport } from "../../infra/rollout/guard-report.ts";
import { guardPortName, guardReportSchema } from "../../infra/rollout/guard-report.ts";
import { objectNames } from "../../infra/rollout/names.ts";
import type { KubernetesClient } from "./kubernetes.ts";
import type { PodReport } from "./pod-reports.ts";
import { PodReportReader } from "./pod-reports.ts";

/** A guard and what it says. */
export type GuardPod = PodReport<GuardReport>;

/** Reads the reports of all guards of a namespace. */
export class GuardReader extends PodReportReader<GuardReport> {
  constructor(client: KubernetesClient, namespace: string) {
    super(client, namespace, {
      name: objectNames.guard,
      portName: guardPortName,
      tokenVariable: "GUARD_TOKEN",
      schema: guardReportSchema,
    });
  }
}

/** The report that counts: that of the guard that holds the Lease, else the newest; undefined where none reports. */
export function leadingReport(guards: readonly GuardPod[]): GuardReport | undefined {
  const reports = guards.flatMap(({ report }) => report ?? []);
  return reports.find(({ leads }) => leads) ?? reports.toSorted((a, b) => b.at - a.at)[0];
}
