import { z } from "zod";

const count = z.int().min(0);
const percentage = z.int().min(0).max(100);

const sideCounts = z.object({
  /** Requests decided for this side. */
  requests: count,
  /** Requests decided for this side that failed (`isFailedDecision`); each fallback is among them. */
  failed: count,
  /** Requests decided for this side that the other one served; always 0 for v1. */
  fallbacks: count,
});

/**
 * What a router-agent reports (`GET /report`). Counts are cumulative since the pod started, kept over restarts of
 * its containers, and by decided side.
 */
export const agentReportSchema = z.object({
  /** Name of the pod. */
  pod: z.string(),
  /** Revision that Envoy applied, read from its own config dump. */
  revision: z.string(),
  /** Percentage that Envoy applied, read from its own config dump. */
  appliedPercentage: percentage,
  /** What the ConfigMap `rollout` says, and the revision that the agent last read. */
  commanded: z.object({ revision: z.string(), stage: z.string(), percentage }),
  /** Engagements that this agent holds; while there is one, the effective percentage is 0. */
  brake: z.object({
    engaged: z.boolean(),
    engagements: z.array(
      z.object({
        id: z.string(),
        who: z.string(),
        /** ISO 8601, UTC; empty where unknown. */
        when: z.string(),
        why: z.string(),
        source: z.string().optional(),
      }),
    ),
  }),
  /** What a difference between applied and effective percentage waits for; null when there is none. */
  waiting: z.string().nullable(),
  /** Hosts that Envoy's health checks call healthy. */
  readyHosts: z.object({ v1: count, v2: count }),
  /** Requests that a pool works on, as Envoy counts them about once a second. */
  inFlight: z.object({ v1: count, v2: count }),
  decisions: z.object({ v1: sideCounts, v2: sideCounts }),
  /** Requests that the override header sent to a side. */
  overrides: z.object({ v1: count, v2: count }),
  /** State of the decision log's reader. */
  log: z.object({
    linesRead: count,
    unreadableLines: count,
    /** Requests that Envoy counted and whose line never came. */
    lostLines: count,
  }),
  /** Contact to the Kubernetes API server. */
  apiServer: z.object({
    reachable: z.boolean(),
    secondsSinceContact: z.number().min(0),
  }),
});

/** Report of one router-agent. */
export type AgentReport = z.infer<typeof agentReportSchema>;
