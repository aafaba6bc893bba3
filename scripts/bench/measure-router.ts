import type { Progress } from "../local/progress.ts";
import type { RouterVsEnvoy } from "./result.ts";
import { Arms } from "./router/arms.ts";
import { comparePairs, measureAgent } from "./router/compare.ts";
import { chooseCores } from "./router/envoy-process.ts";
import { profileRouter } from "./router/profile.ts";
import { quantile } from "./statistics.ts";

/** Measures the router against plain Envoy, its agent, and where its cost lies. */
export async function measureRouter(
  pairs: number,
  progress: Progress,
  signal: AbortSignal,
): Promise<RouterVsEnvoy> {
  const arms = await Arms.create(chooseCores());
  try {
    const comparison = await comparePairs(arms, pairs, progress, signal);
    // Slow enough that load, pools and agent have room on the one core that they share where there are two.
    const quarterLoad = Math.round(
      quantile(
        comparison.figures.map((pair) => pair.halfLoad),
        0.5,
      ) / 2,
    );
    const agent = await progress.step("The router's agent", () =>
      measureAgent(arms, quarterLoad, signal),
    );
    return { ...comparison, agent, profile: await profileRouter(arms, progress, signal) };
  } finally {
    await arms.remove();
  }
}
