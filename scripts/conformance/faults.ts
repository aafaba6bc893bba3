import { Session } from "./calls.ts";
import { demandStatus } from "./expect.ts";
import { adminOf, type Target } from "./rule.ts";
import { waitFor } from "./waiting.ts";

/** Fault switches that rules use. */
export interface FaultSwitches {
  readonly error_rate?: number;
  readonly latency_ms?: number;
  readonly hang?: boolean;
  readonly kill_worker?: boolean;
}

/** Sets faults; what is not named is off. */
export async function setFaults(target: Target, faults: FaultSwitches): Promise<void> {
  const answer = await adminOf(target).call("PUT", "/admin/faults", { body: faults });
  demandStatus(answer, 200, 204);
}

/** Longest time after which a pool is itself again: a breaker stays open for up to a minute. */
const recoveryMs = 70_000;

/** Works while the pool has faults, clears them whatever happens, and waits until it serves again. */
export async function withFaults(
  target: Target,
  faults: FaultSwitches,
  work: () => Promise<void>,
): Promise<void> {
  await setFaults(target, faults);
  try {
    await work();
  } finally {
    await setFaults(target, {});
    const session = new Session(target);
    await waitFor("serving without faults", recoveryMs, async () => {
      return (await session.call("GET", "/v1/programs")).status === 200;
    });
  }
}

/** Workers and queue as the pool's health tells; what it does not tell counts 0. */
export async function workersOf({
  data,
}: Target): Promise<{ busy: number; all: number; queued: number }> {
  const { json } = await data.call("GET", "/v1/health");
  const workers = (json?.["workers"] ?? {}) as Record<string, number>;
  const { ready = 0, busy = 0, degraded = 0 } = workers;
  return { busy, all: ready + busy + degraded, queued: Number(json?.["queue_depth"] ?? 0) };
}

const busyMs = 5000;

/** Waits until a worker runs something. */
export async function whenBusy(target: Target): Promise<void> {
  await waitFor("a busy worker", busyMs, async () => (await workersOf(target)).busy > 0);
}

/** Waits until no worker is free: all are busy, or a serial pool lets others wait. */
export async function whenAllBusy(target: Target): Promise<void> {
  await waitFor("no free worker", busyMs, async () => {
    const { busy, all, queued } = await workersOf(target);
    return busy >= all || queued > 0;
  });
}
