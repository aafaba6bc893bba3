import type { AgentReport } from "../../infra/rollout/agent-report.ts";

/** What the observer process is told, as JSON in its only argument. */
export interface ObserverSettings {
  /** Namespace of the stack. */
  readonly namespace: string;
}

/** Environment variable of the observer with the token of the agents' interface. */
export const observerTokenVariable = "ROUTER_AGENT_TOKEN";

/**
 * A line that the observer writes. `at` is the moment at which it received what it tells, in
 * milliseconds since 1970.
 */
export type Observation =
  /** The API server told of a write of one of the two ConfigMaps; absent ones have no version. */
  | {
      readonly type: "object";
      readonly at: number;
      readonly name: "rollout" | "brake";
      readonly resourceVersion: string | undefined;
      readonly data: Readonly<Record<string, string>>;
    }
  /** All router pods that run and are not being deleted. */
  | { readonly type: "replicas"; readonly at: number; readonly pods: readonly string[] }
  /** What a router's agent answered; without a report it did not. */
  | {
      readonly type: "report";
      readonly at: number;
      readonly pod: string;
      readonly report?: AgentReport;
    }
  /** Lines of a router's decision log. */
  | { readonly type: "lines"; readonly pod: string; readonly lines: readonly string[] };
