import type { EngineInventory } from "../local/engine.ts";
import type { Environment } from "../local/environment.ts";
import type { Progress } from "../local/progress.ts";
import { AdminDatabase } from "./admin-database.ts";
import { checkConformance } from "./conformance-check.ts";
import { clusterObjects } from "./leftovers.ts";
import type { LoadShape } from "./load-plan.ts";
import { minimumRequests } from "./failures.ts";
import { evaluate, type RehearsalResult } from "./result.ts";
import { replayJournal } from "./replay-check.ts";
import { RunningStack } from "./running-stack.ts";
import type { StackCommands } from "./stack-commands.ts";
import { setUpStack, stackDatabase } from "./stack-set-up.ts";
import { walkStages } from "./walk.ts";

/** What a rehearsal works with. */
export interface RehearsalOptions {
  readonly environment: Environment;
  readonly inventory: EngineInventory;
  readonly progress: Progress;
  readonly shape: LoadShape;
  /** When everything began, the environment's start included. */
  readonly startedAt: Date;
  /** Leave the stack as it is where the rehearsal breaks off, for a look at it. */
  readonly keep: boolean;
  /** Ends the rehearsal when it is aborted. */
  readonly signal: AbortSignal;
}

const stackName = "rehearsal";

/** Seconds of load at each stage: enough sessions for a tolerance of a few points. */
const holdSeconds = 8;

/** Longest wait for a Deployment. A broken image costs two failed updates this long. */
const readyTimeoutSeconds = 15;

/** Rehearses the whole migration in a running environment and leaves nothing of it there. */
export async function rehearse(options: RehearsalOptions): Promise<RehearsalResult> {
  const { environment, progress, shape, keep, signal } = options;
  const images = await progress.step("Images", () => environment.loadImages());
  const ready = await progress.step("Stack, database and configuration", () =>
    setUpStack({ environment, images, stack: stackName, readyTimeoutSeconds }),
  );
  const stack = new RunningStack(environment, ready, signal);
  const { commands } = stack;
  let destroyed = false;
  try {
    const before = await clusterObjects(commands);
    const walk = await walkStages({
      stack,
      progress,
      environment,
      brakeToken: ready.brakeToken,
      startLoad: () => stack.startLoad(shape),
      holdSeconds,
      v2Image: images["pool-v2"],
    });
    const podSecurityEnforced = await refusesPrivilegedPods(commands);
    const secondUp = await progress.step("pulumi up once more", () =>
      commands.up({ mayFail: true, args: ["--expect-no-changes"] }),
    );
    const verification = await progress.step(
      "Every program listed and executed",
      async (detail) => {
        detail(`until ${minimumRequests} requests are made`);
        await stack.holdUntilRequests(minimumRequests);
        await stack.stopLoad();
        detail("every acknowledged program");
        return await stack.verifyPrograms();
      },
    );
    const conformance = await progress.step("Both pools against the contract", async () => {
      const checks = [checkConformance(commands, "v1"), checkConformance(commands, "v2")] as const;
      const [v1, v2] = await Promise.all(checks);
      return { v1, v2 };
    });
    const replay = await progress.step("Every verdict computed again", () =>
      replayJournal(commands),
    );
    await stack.end();
    stack.accounting.settle();
    const leftBehind = await progress.step("pulumi destroy", async () => {
      await commands.destroy();
      destroyed = true;
      const after = await clusterObjects(commands);
      const inDatabase = await new AdminDatabase(environment).objectsNamed(
        stackDatabase(stackName),
      );
      return [...[...after].filter((name) => !before.has(name)), ...inDatabase];
    });
    return evaluate({
      startedAt: options.startedAt,
      durationSeconds: (Date.now() - options.startedAt.getTime()) / 1000,
      walk,
      accounting: stack.accounting,
      unreadableLines: stack.unreadableLines,
      verification,
      conformance,
      replay,
      guardEngagements: stack.observed.guardEngagements,
      podSecurityEnforced,
      secondUpChangedNothing: secondUp.code === 0,
      leftBehind,
      inventory: options.inventory,
    });
  } catch (error) {
    // Ctrl-C also reaches the commands that run: what they say of it is no news.
    signal.throwIfAborted();
    throw error;
  } finally {
    await stack.end();
    if (destroyed) await ready.cleanUp();
    else if (!keep) await progress.step("Remove what is left", () => ready.abandon());
  }
}

/** Whether the API server refuses a privileged pod in the stack's namespace; nothing is created. */
async function refusesPrivilegedPods(commands: StackCommands): Promise<boolean> {
  const probe = ["run", "privileged", "--image=none", "--privileged", "--dry-run=server"];
  const { code, output } = await commands.kubectl(probe, { mayFail: true });
  return code !== 0 && output.includes('violates PodSecurity "restricted');
}
