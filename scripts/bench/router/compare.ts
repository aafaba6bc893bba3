import { randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Progress } from "../../local/progress.ts";
import { alternatingPairs, spread, type Spread } from "../statistics.ts";
import type { Arms } from "./arms.ts";
import { measuredPercentage, type Arm } from "./arms.ts";
import { PinnedProcess } from "./envoy-process.ts";
import { runLoad } from "./run-load.ts";

/** What one arm showed in one pair. */
export interface ArmFigures {
  /** Requests a second at saturation. */
  readonly throughput: number;
  /** CPU time of Envoy for a request at saturation, microseconds. */
  readonly cpuMicroseconds: number;
  /** Share of its core that Envoy used at saturation; below {@link limitShare} something else was the limit. */
  readonly coreShare: number;
  /** Latency at half load, milliseconds. */
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Two measurements side by side, in the order in which they were made. */
export interface Pair {
  readonly order: readonly Arm[];
  /** Requests a second at half load. */
  readonly halfLoad: number;
  readonly router: ArmFigures;
  readonly envoy: ArmFigures;
}

/** The router against plain Envoy, from all pairs. Ratios are router to Envoy, differences router less Envoy. */
export interface Comparison {
  readonly pairs: number;
  readonly throughputRatio: number;
  readonly cpuRatio: number;
  readonly p50AddedMs: number;
  readonly p99AddedMs: number;
  /** Whether Envoy was the limit at saturation; else the throughput is that of the load. */
  readonly envoyWasTheLimit: boolean;
  readonly spreads: Readonly<
    Record<"throughputRatio" | "cpuRatio" | "p50AddedMs" | "p99AddedMs", Spread>
  >;
  readonly figures: readonly Pair[];
}

/** What the router's agent uses beside it. */
export interface AgentFigures {
  readonly requestsPerSecond: number;
  /** CPU time of the agent for a request that it reads from the decision log, microseconds. */
  readonly cpuMicroseconds: number;
}

/** Smallest share of its core at which Envoy counts as the limit. */
const limitShare = 0.95;

const connections = 32;
const warmUpSeconds = 1;
const saturationSeconds = 3;
const halfLoadSeconds = 4;

/** Sums up pairs. */
export function summarize(figures: readonly Pair[]): Comparison {
  const of = (difference: (router: ArmFigures, envoy: ArmFigures) => number) =>
    spread(figures.map(({ router, envoy }) => difference(router, envoy)));
  const spreads = {
    throughputRatio: of((router, envoy) => router.throughput / envoy.throughput),
    cpuRatio: of((router, envoy) => router.cpuMicroseconds / envoy.cpuMicroseconds),
    p50AddedMs: of((router, envoy) => router.p50Ms - envoy.p50Ms),
    p99AddedMs: of((router, envoy) => router.p99Ms - envoy.p99Ms),
  };
  const shares = figures.flatMap(({ router, envoy }) => [router.coreShare, envoy.coreShare]);
  return {
    pairs: figures.length,
    throughputRatio: spreads.throughputRatio.median,
    cpuRatio: spreads.cpuRatio.median,
    p50AddedMs: spreads.p50AddedMs.median,
    p99AddedMs: spreads.p99AddedMs.median,
    envoyWasTheLimit: spread(shares).median >= limitShare,
    spreads,
    figures,
  };
}

/** Measures pairs, each with processes of its own, because two of the same program differ by where their memory lies. */
export async function comparePairs(
  arms: Arms,
  pairs: number,
  progress: Progress,
  signal: AbortSignal,
): Promise<Comparison> {
  const figures: Pair[] = [];
  await progress.step(`Router against plain Envoy, ${pairs} pairs`, async (detail) => {
    for (const order of alternatingPairs<Arm>("router", "envoy", pairs)) {
      detail(`pair ${figures.length + 1} of ${pairs}`);
      figures.push(await measurePair(arms, order, signal));
    }
  });
  return summarize(figures);
}

async function measurePair(arms: Arms, order: readonly Arm[], signal: AbortSignal): Promise<Pair> {
  const envoys = new Map<Arm, PinnedProcess>();
  try {
    for (const arm of order) {
      await arms.write(arm);
      envoys.set(arm, await arms.start(arm, signal));
    }
    const load = async (arm: Arm, seconds: number, rate?: number) =>
      await runLoad(
        arms.cores.load,
        {
          port: arms.places[arm].settings.ports.listener,
          connections,
          ...(rate === undefined ? {} : { rate }),
          warmUpSeconds,
          end: { seconds },
          processes: { envoy: envoys.get(arm)?.pid ?? 0 },
        },
        signal,
      );
    const saturated = new Map<Arm, Omit<ArmFigures, "p50Ms" | "p99Ms">>();
    for (const arm of order) {
      const { requests, seconds, cpuSeconds } = await load(arm, saturationSeconds);
      const used = cpuSeconds["envoy"] ?? 0;
      saturated.set(arm, {
        throughput: requests / seconds,
        cpuMicroseconds: (used / requests) * 1e6,
        coreShare: used / seconds,
      });
    }
    const throughputs = [...saturated.values()].map(({ throughput }) => throughput);
    const halfLoad = Math.round(Math.min(...throughputs) / 2);
    const figures = new Map<Arm, ArmFigures>();
    for (const arm of order) {
      const { latency } = await load(arm, halfLoadSeconds, halfLoad);
      const rest = saturated.get(arm);
      if (rest) figures.set(arm, { ...rest, p50Ms: latency.p50, p99Ms: latency.p99 });
    }
    const [router, envoy] = [figures.get("router"), figures.get("envoy")];
    if (!router || !envoy) throw new Error("A pair has two arms.");
    return { order, halfLoad, router, envoy };
  } finally {
    await Promise.all([...envoys.values()].map((envoy) => envoy.stop()));
  }
}

/**
 * Measures the agent's own cost beside the router, at a given load. It reads every line of the decision log; it runs
 * beside the load and not on Envoy's core.
 */
export async function measureAgent(
  arms: Arms,
  requestsPerSecond: number,
  signal: AbortSignal,
): Promise<AgentFigures> {
  const { settings } = arms.places.router;
  const directory = join(arms.directory, "router");
  const mounts = join(arms.directory, "mounts");
  await mkdir(join(mounts, "rollout"), { recursive: true });
  await mkdir(join(mounts, "brake"), { recursive: true });
  await writeFile(join(mounts, "rollout", "stage"), `p${measuredPercentage}`);
  await writeFile(join(mounts, "rollout", "percentage"), String(measuredPercentage));
  const options = {
    settings,
    pod: "bench",
    namespace: "bench",
    agentToken: randomBytes(16).toString("hex"),
    directory,
    configDirectory: mounts,
    envoyBinary: arms.envoyBinary,
    rotateBytes: 32 * 1024 * 1024,
  };
  const script = join(import.meta.dirname, "agent.ts");
  const agent = new PinnedProcess(arms.cores.load, process.execPath, [
    script,
    JSON.stringify(options),
  ]);
  let envoy: PinnedProcess | undefined;
  try {
    await agent.ready(`http://127.0.0.1:${settings.ports.agent}/startup`, 20, signal);
    envoy = await arms.start("router", signal);
    const { requests, cpuSeconds } = await runLoad(
      arms.cores.load,
      {
        port: settings.ports.listener,
        connections,
        rate: requestsPerSecond,
        warmUpSeconds,
        end: { seconds: halfLoadSeconds },
        processes: { agent: agent.pid },
      },
      signal,
    );
    return { requestsPerSecond, cpuMicroseconds: ((cpuSeconds["agent"] ?? 0) / requests) * 1e6 };
  } finally {
    await envoy?.stop();
    await agent.stop();
  }
}
