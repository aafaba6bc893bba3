import { defaultShape } from "../../../scripts/rehearsal/load-plan.ts";
import type { Accounting, Totals } from "../../../scripts/rehearsal/accounting.ts";
import type { RequestRecord, Verification } from "../../../scripts/rehearsal/records.ts";
import type { RunningStack } from "../../../scripts/rehearsal/running-stack.ts";

/** What came of a fault under load. */
export interface Trial {
  readonly records: readonly RequestRecord[];
  readonly accounting: Accounting;
  readonly totals: Totals;
  readonly verification: Verification;
  /** Moments of the fault and of its repair, milliseconds since 1970. */
  readonly brokenAt: number;
  readonly repairedAt: number;
  readonly endedAt: number;
}

/** What happens in a trial. */
export interface TrialPlan {
  /** Makes the fault. */
  readonly break: () => Promise<unknown>;
  /** Mends it, so that the trial ends as it began. */
  readonly repair: () => Promise<unknown>;
  /** Seconds from the fault to the repair. */
  readonly seconds: number;
  /** Mean requests a second. */
  readonly rate?: number;
}

/** A load's callers repeat what may be repeated for about this many times 100 ms. */
const repeats = 30;

/** Seconds of load before the fault, and after its repair. */
const calmSeconds = 3;

let seed = 100;

/**
 * Puts a load on the stack whose callers repeat what they may, makes a fault in the middle, mends it, and
 * looks for every program at the end.
 */
export async function underLoad(stack: RunningStack, plan: TrialPlan): Promise<Trial> {
  const records: RequestRecord[] = [];
  const forget = stack.onRequest((record) => records.push(record));
  try {
    const shape = { ...defaultShape, seed: ++seed, rate: plan.rate ?? 120, sessions: 400 };
    await stack.startLoad(shape, repeats);
    await stack.hold(calmSeconds);
    const brokenAt = Date.now();
    await plan.break();
    await stack.hold(plan.seconds);
    const repairedAt = Date.now();
    await plan.repair();
    await stack.hold(calmSeconds);
    const endedAt = Date.now();
    await stack.stopLoad();
    const verification = await stack.verifyPrograms();
    stack.accounting.settle();
    const { accounting } = stack;
    return {
      ...{ records, accounting, totals: accounting.totals(), verification },
      ...{ brokenAt, repairedAt, endedAt },
    };
  } finally {
    forget();
  }
}

/** Whole seconds of a span in which a condition held for no request that was planned in them. */
export function secondsWithout(
  { records }: Trial,
  from: number,
  to: number,
  condition: (record: RequestRecord) => boolean,
): number[] {
  const good = new Set(
    records.filter(condition).map(({ intendedAt }) => Math.floor((intendedAt - from) / 1000)),
  );
  const seconds = Math.floor((to - from) / 1000);
  return Array.from({ length: seconds }, (_, second) => second).filter((it) => !good.has(it));
}

/** Requests whose answer arrived in a span: one planned before it may have been repeated until then. */
export function answeredIn(
  { records }: Trial,
  from: number,
  to: number,
  condition: (record: RequestRecord) => boolean,
): RequestRecord[] {
  return records.filter((record) => {
    const answeredAt = record.intendedAt + record.durationMs;
    return answeredAt >= from && answeredAt < to && condition(record);
  });
}

/** The request was answered by V1, and not with an error of its own. */
export function servedByV1({ pool, status }: RequestRecord): boolean {
  return pool === "v1" && status < 500;
}
