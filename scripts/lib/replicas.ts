import type { AgentReport } from "../../infra/rollout/agent-report.ts";
import { agentReportSchema } from "../../infra/rollout/agent-report.ts";
import { objectNames } from "../../infra/rollout/names.ts";
import type { KubernetesClient } from "./kubernetes.ts";
import type { PodReport } from "./pod-reports.ts";
import { PodReportReader } from "./pod-reports.ts";

/** A router replica and what its agent says. */
export type Replica = PodReport<AgentReport>;

/** Reads the reports of all router replicas of a namespace. */
export class ReplicaReader extends PodReportReader<AgentReport> {
  constructor(client: KubernetesClient, namespace: string) {
    super(client, namespace, {
      name: objectNames.router,
      portName: "agent",
      tokenVariable: "ROUTER_AGENT_TOKEN",
      schema: agentReportSchema,
    });
  }
}
