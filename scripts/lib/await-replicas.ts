import { KubernetesError } from "./kubernetes-error.ts";
import { waitUntil } from "./progress.ts";
import type { Replica, ReplicaReader } from "./replicas.ts";
import { exitCodes } from "./verb.ts";

/** What every router replica shall report. */
export interface ReplicaGoal {
  reader: ReplicaReader;
  timeoutSeconds: number;
  signal: AbortSignal;
  /** The replica reports what is awaited. */
  reached: (replica: Replica) => boolean;
  /** One line about a replica that does not. */
  describe: (replica: Replica) => string;
}

/** How the wait for all replicas ended. */
export interface ReplicaOutcome {
  /** All replicas, at least one, reached the goal. */
  reached: boolean;
  /** As last read; those read before the wait where it was never possible. */
  replicas: readonly Replica[];
  /** `2 of 3`. */
  count: string;
  /** Lines that say what is missing; empty when reached. */
  missing: string[];
  /**
   * 0 when reached; 3 when something gave no answer; 2 when every replica answered and one is not there.
   */
  exitCode: number;
}

const none = "no router replica is running";

/** Reads the reports again and again until all replicas reached the goal or the time is over. */
export async function awaitReplicas(goal: ReplicaGoal): Promise<ReplicaOutcome> {
  const { reader, timeoutSeconds, signal, reached, describe } = goal;
  let replicas: readonly Replica[] = [];
  let failure: KubernetesError | undefined;
  const open = () => replicas.filter((replica) => !reached(replica));
  const outcome = await waitUntil({
    timeoutSeconds,
    intervalMilliseconds: 100,
    signal,
    describe: () => failure?.message ?? (open().map(describe).join("; ") || none),
    look: async () => {
      try {
        replicas = await reader.read(signal);
        failure = undefined;
      } catch (error) {
        if (!(error instanceof KubernetesError)) throw error;
        failure = error;
      }
      return failure === undefined && replicas.length > 0 && open().length === 0;
    },
  });
  const count = `${String(replicas.length - open().length)} of ${String(replicas.length)}`;
  if (outcome === "reached") {
    return { reached: true, replicas, count, missing: [], exitCode: exitCodes.done };
  }
  const silent = failure !== undefined || open().some(({ report }) => report === undefined);
  const head = replicas.length === 0 ? none : `${count} router replicas`;
  return {
    reached: false,
    replicas,
    count,
    missing: [
      `NOT CONFIRMED after ${String(timeoutSeconds)} s: ${failure?.message ?? head}`,
      ...open().map((replica) => `  ${describe(replica)}`),
    ],
    exitCode: silent ? exitCodes.infrastructure : exitCodes.refused,
  };
}
