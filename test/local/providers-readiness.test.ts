import { describe, expect, it } from "vitest";
import { newestReplicaSet } from "../../scripts/local/providers/kubernetes/pods.ts";
import {
  deploymentReadiness,
  jobReadiness,
  podProblems,
  serviceReadiness,
} from "../../scripts/local/providers/kubernetes/readiness.ts";
import type { PropertyMap } from "../../scripts/local/providers/lib/properties.ts";

describe("a Deployment", () => {
  const state = (status: PropertyMap) => ({
    metadata: { generation: 2 },
    spec: { replicas: 2 },
    status: {
      observedGeneration: 2,
      replicas: 2,
      updatedReplicas: 2,
      availableReplicas: 2,
      ...status,
    },
  });

  it("is ready when all Pods are new and available and none is old", () => {
    expect(deploymentReadiness(state({}))).toEqual({ state: "ready" });
    for (const short of [
      { observedGeneration: 1 },
      { updatedReplicas: 1 },
      { availableReplicas: 1 },
      { replicas: 3 },
    ]) {
      expect(deploymentReadiness(state(short)).state).toBe("waiting");
    }
  });

  it("without replicas is ready as soon as its controller has seen it", () => {
    const none = { metadata: { generation: 1 }, spec: { replicas: 0 } };
    expect(deploymentReadiness(none).state).toBe("waiting");
    const seen = { ...none, status: { observedGeneration: 1 } };
    expect(deploymentReadiness(seen)).toEqual({ state: "ready" });
  });

  it("says what its conditions say while it is not ready", () => {
    const conditions = [
      {
        type: "Progressing",
        status: "False",
        reason: "ProgressDeadlineExceeded",
        message: "timed out",
      },
      { type: "Available", status: "True", reason: "x", message: "y" },
    ];
    expect(deploymentReadiness(state({ availableReplicas: 1, conditions }))).toEqual({
      state: "waiting",
      progress: "Waiting for the Deployment to be available (1/2 Pods)",
      problems: [
        "[ProgressDeadlineExceeded] timed out",
        "2 of 2 Pods are of the newest version; 1 Pods are available.",
      ],
    });
  });

  it("looks at the Pods of its newest ReplicaSet", () => {
    const set = (name: string, revision: string, uid: string) => ({
      metadata: {
        name,
        annotations: { "deployment.kubernetes.io/revision": revision },
        ownerReferences: [{ uid }],
      },
    });
    const sets = [set("old", "9", "mine"), set("new", "10", "mine"), set("other", "11", "theirs")];
    expect(newestReplicaSet(sets, "mine")).toBe(sets[1]);
  });
});

describe("a Job", () => {
  const job = (type: string, more: PropertyMap = {}) => ({
    status: { conditions: [{ type, status: "True", reason: "R", message: "m" }], ...more },
  });

  it("is ready when complete and failed when given up", () => {
    expect(jobReadiness(job("Complete"))).toEqual({ state: "ready" });
    expect(jobReadiness(job("Failed"))).toEqual({ state: "failed", problems: ["[R] m"] });
    expect(jobReadiness(job("Suspended", { active: 1 }))).toMatchObject({
      state: "waiting",
      progress: "Waiting for the Job to complete (1 active, 0 succeeded, 0 failed)",
    });
  });
});

describe("a Service", () => {
  const slices = [{ endpoints: [{ conditions: { ready: false } }] }];

  it("waits for an endpoint, unless it is headless or a name of something else", () => {
    expect(serviceReadiness({ spec: {} }, slices)).toEqual({ state: "ready" });
    expect(serviceReadiness({ spec: {} }, [{ endpoints: [] }]).state).toBe("waiting");
    expect(serviceReadiness({ spec: { clusterIP: "None" } }, [])).toEqual({ state: "ready" });
    expect(serviceReadiness({ spec: { type: "ExternalName" } }, [])).toEqual({ state: "ready" });
  });

  it("of type LoadBalancer waits for its address too", () => {
    const balancer = (ingress: PropertyMap[]) => ({
      spec: { type: "LoadBalancer" },
      status: { loadBalancer: { ingress } },
    });
    expect(serviceReadiness(balancer([]), slices).state).toBe("waiting");
    expect(serviceReadiness(balancer([{ ip: "10.0.0.1" }]), slices)).toEqual({ state: "ready" });
  });
});

describe("Pods in trouble", () => {
  const pod = (container: PropertyMap, conditions: PropertyMap[] = []) => ({
    metadata: { name: "p" },
    status: { containerStatuses: [{ name: "worker", ...container }], conditions },
  });

  it("say which container and why: image, crash, readiness, no place", () => {
    const waiting = (reason: string, message: string) => ({
      state: { waiting: { reason, message } },
    });
    expect(podProblems([pod(waiting("ErrImagePull", "no such host"))])).toEqual([
      "[Pod p] container worker: ErrImagePull: no such host",
    ]);
    expect(
      podProblems([
        pod({
          ...waiting("CrashLoopBackOff", "back-off 10s"),
          lastState: { terminated: { exitCode: 3, message: "no database\n" } },
        }),
      ]),
    ).toEqual([
      "[Pod p] container worker: CrashLoopBackOff: back-off 10s: ended with exit code 3 (no database)",
    ]);
    expect(podProblems([pod({ state: { running: {} }, started: true, ready: false })])).toEqual([
      "[Pod p] container worker: runs, but its readiness probe does not succeed",
    ]);
    const unschedulable = {
      type: "PodScheduled",
      status: "False",
      reason: "Unschedulable",
      message: "0/1 nodes are available",
    };
    expect(podProblems([pod({}, [unschedulable])])).toEqual([
      "[Pod p] Unschedulable: 0/1 nodes are available",
    ]);
  });

  it("are none while they start", () => {
    expect(podProblems([pod({ state: { waiting: { reason: "ContainerCreating" } } })])).toEqual([]);
    expect(podProblems([pod({ state: { terminated: { exitCode: 0 } } })])).toEqual([]);
  });
});
