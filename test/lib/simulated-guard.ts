import type { GuardReport } from "../../infra/rollout/guard-report.ts";
import type { TestApiServer } from "./api-server.ts";
import { simulated } from "./simulated-router.ts";

/** A simulated guard. */
export interface SimulatedGuard {
  name: string;
  /** What it reports; undefined: it does not answer. */
  report: GuardReport | undefined;
}

/** A healthy guard's report at p25: hold, because sessions are short. */
function guardReport(pod: string, leads: boolean, at = Date.now()): GuardReport {
  const rates = { requestsPerSecond: 30, failedShare: 0.004, p50: 12, p95: 30, p99: 45 };
  return {
    pod,
    at,
    leads,
    attempt: {
      version: 1,
      name: "20260101T000000Z",
      since: at - 3_600_000,
      why: "the first one",
      build: "pods one, flags none, settings one",
      engagement: null,
      candidates: [],
      candidatesAt: null,
      slowMilliseconds: 60,
      settleMilliseconds: 900_000,
    },
    verdict: {
      kind: "hold",
      severity: "healthy",
      page: false,
      findings: [],
      reasons: ["1,200 of 1,900 sessions needed to pass"],
      attempt: "20260101T000000Z",
      at,
      evidence: [
        {
          sli: "failed",
          cumulative: { logEValue: Math.log(3), requestRatio: 1.1 },
          stages: [{ percentage: 25, logEValue: 0, requestRatio: 1 }],
          absolute: [],
          sessionRatio: 1.1,
          harmExcluded: 5,
        },
      ],
      progress: {
        sessions: 1200,
        needed: 1900,
        ageSeconds: 720,
        ageNeededSeconds: 900,
      },
    },
    stage: { name: "p25", percentage: 25, since: at - 12 * 60_000 },
    limits: { cumulative: 1200, stage: 7200 },
    rates: { v1: { ...rates, sessions: 3600 }, v2: { ...rates, sessions: 1200 } },
    pool: null,
    routers: { expected: 2, reporting: 2 },
    braking: null,
    journal: { enabled: true, waiting: 0, writtenAt: at, problem: null },
  };
}

/** Puts two guards into a test API server, of which the first leads. */
export function deployGuards(server: TestApiServer): SimulatedGuard[] {
  const { namespace, token, port } = simulated;
  return ["guard-a", "guard-b"].map((name, index) => {
    const guard: SimulatedGuard = { name, report: guardReport(name, index === 0) };
    server.write(`/api/v1/namespaces/${namespace}/pods/${name}`, {
      metadata: { name, labels: { "app.kubernetes.io/name": "guard" } },
      spec: {
        containers: [
          {
            name: "guard",
            ports: [{ name: "guard", containerPort: port }],
            env: [
              {
                name: "GUARD_TOKEN",
                valueFrom: { secretKeyRef: { name: "router-tokens-1a2b", key: "agent" } },
              },
            ],
          },
        ],
      },
      status: { phase: "Running", podIP: `10.0.1.${String(index + 1)}` },
    });
    server.pods.set(`${namespace}/${name}:${String(port)}`, (request) => {
      if (request.headers["x-router-token"] !== token) return { status: 401, body: "" };
      if (guard.report === undefined) return { status: 503, body: "nothing was evaluated yet" };
      return { status: 200, body: JSON.stringify(guard.report) };
    });
    return guard;
  });
}
