import type { Progress } from "../local/progress.ts";
import { outcomeOf } from "./outcome.ts";
import type { RequestRecord } from "./records.ts";
import type { RunningStack } from "./running-stack.ts";

/** The router put in the callers' path, taken out of it, and put in again, under load. */
export interface EntryTrial {
  /** From the start of the `up` that took the router out until the last request that went through it. */
  readonly toDirectSeconds: number;
  /** Requests without an answer, or with a 5xx that no pool made, from the first change to the last. */
  readonly lostRequests: number;
}

/** What a change of the entry works with. */
export interface EntryTrialOptions {
  readonly stack: RunningStack;
  readonly progress: Progress;
}

/**
 * Seconds for which the way may be either one after an `up`: the nodes' rules follow the Service within one, and
 * callers close connections of before after two.
 */
const settleSeconds = 4;

/** Seconds of load once the way is settled. */
const holdSeconds = 2;

/**
 * Turns the callers' Service from V1 to the router, back, and to the router again: the first rollback of a migration,
 * tried before any session is on V2.
 */
export async function enterAndLeave({ stack, progress }: EntryTrialOptions): Promise<EntryTrial> {
  return await progress.step("Router in the path, out of it, and in again", async (detail) => {
    const records: RequestRecord[] = [];
    const forget = stack.onRequest((record) => records.push(record));
    const turn = async (entry: "beside" | "inline"): Promise<number> => {
      detail(`pulumi config set router.entry ${entry}, pulumi up`);
      const begunAt = Date.now();
      stack.accounting.entry.expect("changing", begunAt);
      await stack.commands.setConfig({ "router.entry": entry });
      await stack.commands.up();
      await stack.hold(settleSeconds);
      stack.accounting.entry.expect(entry, Date.now());
      await stack.hold(holdSeconds);
      return begunAt;
    };
    stack.accounting.entry.expect("beside", Date.now());
    await stack.hold(holdSeconds);
    await turn("inline");
    const leavingAt = await turn("beside");
    const routed = records.filter(({ rollout }) => rollout !== undefined);
    const lastRoutedAt = Math.max(...routed.map(({ intendedAt }) => intendedAt));
    await turn("inline");
    forget();
    const lost = records.filter((record) => outcomeOf(record, undefined) === "lost");
    return {
      toDirectSeconds: (lastRoutedAt - leavingAt) / 1000,
      lostRequests: lost.length,
    };
  });
}
