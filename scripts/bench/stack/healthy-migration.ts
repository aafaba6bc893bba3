import { objectNames, poolName } from "../../../infra/rollout/names.ts";
import type { Progress } from "../../local/progress.ts";
import { guardPods } from "../../rehearsal/guard-pods.ts";
import { cutNetwork } from "../../rehearsal/pod-network.ts";
import { podsOf } from "../../rehearsal/pods.ts";
import type { RunningStack } from "../../rehearsal/running-stack.ts";

/** Migrations in which nothing is wrong with V2, while the guards lose sight of it. */
export interface HealthyMigrations {
  readonly migrations: number;
  /** Time in each for which no guard reached a router or a pool, seconds. */
  readonly outageSeconds: number;
  /** Engagements by guards. */
  readonly falseRollbacks: number;
}

const migrations = 3;
const outageSeconds = 60;

const staySeconds = 8;
const shadowSeconds = 15;
const stages = ["p5", "p10", "p25", "p50", "p75", "p100"];
/** Where the guards lose sight: both sides have enough traffic to be missed. */
const outageStage = "p25";

/** Migrates several builds of V2, the load running; each time without anything that the guards could see for a while. */
export async function migrateHealthily(
  stack: RunningStack,
  progress: Progress,
): Promise<HealthyMigrations> {
  const { guardEngagements } = stack.observed;
  const before = guardEngagements.size;
  for (let migration = 1; migration <= migrations; migration += 1) {
    const title = `Healthy migration ${migration} of ${migrations}`;
    await progress.step(title, (detail) => migrate(stack, migration, detail));
  }
  return { migrations, outageSeconds, falseRollbacks: guardEngagements.size - before };
}

async function migrate(
  stack: RunningStack,
  number: number,
  detail: (text: string) => void,
): Promise<void> {
  detail("stage shadow");
  // Other pods are another build, with which another attempt begins.
  const build = { "v2.resources.requests.memory": `${64 + number}Mi` };
  await stack.commands.setConfig(build);
  await stack.enter("shadow");
  await stack.hold(shadowSeconds);
  for (const stage of stages) {
    detail(`stage ${stage}`);
    await stack.enter(stage);
    await stack.hold(staySeconds);
    if (stage !== outageStage) continue;
    detail(`stage ${stage}, the guards see nothing for ${outageSeconds} s`);
    await blindGuards(stack);
    await stack.hold(staySeconds);
  }
}

/** Cuts all guards off from everything that they judge by. */
async function blindGuards(stack: RunningStack): Promise<void> {
  const { commands } = stack;
  const sources = await Promise.all(
    [objectNames.router, poolName("v1"), poolName("v2")].map((name) => podsOf(commands, name)),
  );
  const addresses = sources.flat().map(({ address }) => address);
  const guards = await podsOf(commands, objectNames.guard);
  const mend = await Promise.all(guards.map(({ uid }) => cutNetwork(uid, addresses)));
  try {
    await stack.hold(outageSeconds / 2);
    const seen = (await guardPods(commands))?.map(({ report }) => report?.routers.reporting);
    if (seen === undefined || seen.length === 0 || seen.some((routers) => routers !== 0)) {
      throw new Error(`The guards were to see no router, and see ${seen?.join(" and ")}.`);
    }
    await stack.hold(outageSeconds / 2);
  } finally {
    await Promise.all(mend.map((one) => one()));
  }
}
