import { describe, expect, it } from "vitest";
import type { PodReading } from "../../scripts/agents/guard/pod-memory.ts";
import { FigureAccount } from "../../scripts/agents/guard/pool-figures.ts";
import type { PodMetrics } from "../../scripts/agents/guard/pool-metrics.ts";

const MiB = 1024 * 1024;
const limits = {
  metrics: { port: 9090, path: "/metrics" },
  cpuLimitCores: 0.5,
  memoryLimitBytes: 200 * MiB,
};

/** A pod with four workers that answers. */
const pod = (uid: string, changes: Partial<PodReading> = {}): PodReading => ({
  uid,
  build: "one",
  ready: true,
  deleted: false,
  ended: false,
  restarts: 0,
  ...says({}),
  ...changes,
});

/** An answer that differs from the usual one. */
const says = (metrics: PodMetrics, at = 0) => ({
  answer: {
    at,
    metrics: { cpuSeconds: 10, memoryBytes: 50 * MiB, workers: 4, workerFailures: 0, ...metrics },
  },
});

const failed = (workerFailures: number) => says({ workerFailures });
const silent = { answer: undefined };

/** Workers and their failures after each of some readings. */
function history(...readings: readonly (readonly PodReading[])[]) {
  const account = new FigureAccount(limits);
  const all = readings.map((pods, index) => {
    account.take(pods, 1000 * index);
    return account.figures?.figures ?? {};
  });
  return {
    workers: all.map(({ workers }) => workers),
    failures: all.map(({ workerFailures }) => workerFailures),
  };
}

describe("figures of the pool", () => {
  it("are means over the pods, per cent of their limits, and sums of workers", () => {
    const account = new FigureAccount(limits);
    expect(account.figures).toBeNull();
    account.take([pod("a", says({}, 1000)), pod("b", says({}, 2000))], 2500);
    expect(account.figures?.figures).not.toHaveProperty("cpuPercent");
    const later = [
      pod("a", says({ cpuSeconds: 10.2, memoryBytes: 60 * MiB }, 3000)),
      // One second after its last answer, however long the others took.
      pod("b", says({ cpuSeconds: 10.2, memoryBytes: 100 * MiB }, 3000)),
    ];
    account.take(later, 3500);
    expect(account.figures).toEqual({
      at: 3500,
      figures: {
        cpuPercent: expect.closeTo(30, 5) as number,
        memoryPercent: 40,
        memoryBytesPerPod: 80 * MiB,
        workers: 8,
        workerFailures: 0,
      },
    });
  });

  it("say nothing of the CPU without a limit, nor of a process that began anew", () => {
    const cpu = (cores: number | null, ...readings: readonly PodReading[]) => {
      const account = new FigureAccount({ ...limits, cpuLimitCores: cores });
      for (const reading of readings) account.take([reading], 0);
      return account.figures?.figures.cpuPercent;
    };
    const again = { restarts: 1, ...says({ cpuSeconds: 11 }, 1000) };
    expect(cpu(1, pod("a"), pod("a", says({ cpuSeconds: 10.5 }, 1000)))).toBeCloseTo(50, 5);
    expect(cpu(null, pod("a"), pod("a", says({ cpuSeconds: 10.5 }, 1000)))).toBeUndefined();
    expect(cpu(1, pod("a"), pod("a", says({ cpuSeconds: 0.5 }, 1000)))).toBeUndefined();
    expect(cpu(1, pod("a"), pod("a", again))).toBeUndefined();
    expect(cpu(1, pod("a"), pod("a", { restarts: 1, ...silent }), pod("a", again))).toBeUndefined();
    expect(cpu(1, pod("a"), pod("b", says({ cpuSeconds: 11 }, 1000)))).toBeUndefined();
  });

  it("measure the CPU over the time in which a pod did not answer", () => {
    const account = new FigureAccount(limits);
    account.take([pod("a")], 0);
    account.take([pod("a", silent)], 1000);
    account.take([pod("a", says({ cpuSeconds: 11 }, 4000))], 4000);
    expect(account.figures?.figures.cpuPercent).toBeCloseTo(50, 5);
  });

  it("stay as old as they are while no pod can be read", () => {
    const account = new FigureAccount(limits);
    account.take([pod("a")], 1000);
    account.take([pod("a", silent)], 2000);
    account.take([], 3000);
    expect(account.figures?.at).toBe(1000);
    account.take([pod("b")], 4000);
    expect(account.figures?.at).toBe(4000);
  });

  it("count the workers of a pod that does not answer for once, until it starts again or ends", () => {
    const { workers } = history(
      [pod("a"), pod("b")],
      [pod("a"), pod("b", silent)],
      [pod("a"), pod("b", { restarts: 1, ...silent })],
      [pod("a"), pod("b", { restarts: 1 })],
      [pod("a"), pod("b", { restarts: 1, ended: true, ...silent })],
    );
    expect(workers).toEqual([8, 8, 4, 8, 4]);
  });

  it("lack a number that a pod does not offer", () => {
    const account = new FigureAccount(limits);
    const other = { answer: { at: 0, metrics: { memoryBytes: 100 * MiB } } };
    account.take([pod("a"), pod("b", other)], 0);
    expect(account.figures?.figures).toEqual({
      memoryPercent: 37.5,
      memoryBytesPerPod: 75 * MiB,
    });
  });

  it("are what Kubernetes tells, for a pool without metrics", () => {
    const account = new FigureAccount({ ...limits, metrics: null });
    const bare = (uid: string, restarts: number, ready = true) =>
      pod(uid, { restarts, ready, ...silent });
    account.take([bare("a", 3), bare("b", 0, false)], 0);
    account.take([bare("a", 5), bare("b", 0)], 1000);
    expect(account.figures).toEqual({ at: 1000, figures: { workers: 2, workerFailures: 2 } });
  });
});

describe("failures of workers", () => {
  it("add up over a counter that begins anew", () => {
    const { failures } = history(
      [pod("a", failed(3))],
      [pod("a", failed(5))],
      [pod("a", failed(1))],
      [pod("a", silent)],
      [pod("a", failed(2))],
    );
    expect(failures).toEqual([3, 5, 6, 6, 7]);
  });

  it("are all workers of a container that was started again, and what the new one counts", () => {
    const { failures } = history(
      [pod("a", failed(2)), pod("b")],
      [pod("a", { restarts: 1, ready: false, ...silent }), pod("b")],
      [pod("a", { restarts: 1, ...failed(3) }), pod("b")],
      [pod("a", { restarts: 3, ...failed(0) }), pod("b")],
    );
    expect(failures).toEqual([2, 6, 9, 17]);
  });

  it("are at least one where a pod ends that was never read", () => {
    const { failures } = history(
      [pod("a", silent), pod("b")],
      [pod("a", { restarts: 1, ...silent }), pod("b")],
    );
    expect(failures).toEqual([0, 1]);
  });

  it("of long ago are not new when a pod is read for the first time", () => {
    const { failures } = history(
      [pod("a"), pod("b", silent)],
      [pod("a"), pod("b", failed(50))],
      [pod("a"), pod("b", failed(52))],
    );
    expect(failures).toEqual([0, 0, 2]);
  });

  it("of a new pod are new", () => {
    const { failures } = history(
      [pod("a")],
      [pod("a"), pod("b", silent)],
      [pod("a"), pod("b", failed(3))],
    );
    expect(failures).toEqual([0, 0, 3]);
  });

  it("are all workers of a pod that vanished and was replaced by its like", () => {
    expect(history([pod("a"), pod("b")], [pod("b"), pod("c")]).failures).toEqual([0, 4]);
    const both = [pod("a"), pod("b")];
    expect(history(both, [pod("c")], [pod("c")]).failures).toEqual([0, 4, 4]);
  });

  it("are none where pods go because somebody asked for it", () => {
    const deleted = { deleted: true };
    const other = { build: "two" };
    // Seen on its way out, though its like takes its place: a node is emptied.
    expect(history([pod("a", deleted)], [pod("b")]).failures).toEqual([0, 0]);
    // Gone between two readings: a pool that is made smaller, and one whose template changes.
    expect(history([pod("a"), pod("b")], [pod("b")]).failures).toEqual([0, 0]);
    expect(history([pod("a"), pod("b")], [pod("b"), pod("c", other)]).failures).toEqual([0, 0]);
  });

  it("are all workers of a pod that was evicted, once", () => {
    const gone = { ended: true, ready: false, ...silent };
    expect(
      history(
        [pod("a"), pod("b")],
        [pod("a", gone), pod("b"), pod("c")],
        [pod("b"), pod("c"), pod("d")],
      ).failures,
    ).toEqual([0, 4, 4]);
    // One that ends because it was deleted has done what it was asked; one that had ended before is no news.
    const asked = { ...gone, deleted: true };
    expect(history([pod("a"), pod("b")], [pod("a", asked), pod("b")]).failures).toEqual([0, 0]);
    expect(history([pod("a", gone), pod("b")], [pod("a", gone), pod("b")]).failures).toEqual([
      0, 0,
    ]);
  });
});
