import type { Side } from "../../infra/rollout/decision.ts";
import type { DecisionLine } from "../../infra/rollout/decision-log.ts";
import { isFailedDecision } from "../../infra/rollout/decision-log.ts";
import type { Faults } from "../../test/pool/faults.ts";

/** A planned failure. */
export interface FaultPlan {
  readonly name: string;
  /** Stage at which it happens. */
  readonly stage: string;
  /** Whether a guard has to pull the brake. */
  readonly expected: boolean;
  /** Sides that fail. */
  readonly sides: readonly Side[];
  /** Faults of their pods; the milliseconds are those of V1's p95. */
  readonly faults: (p95Milliseconds: number) => Partial<Faults>;
  /** The pods are told again each second: those that came back meanwhile too. */
  readonly lasting?: true;
  /** Longest wait for the brake; without one the time for which the fault lasts. Seconds. */
  readonly seconds: number;
  /** Whether a line of V2 shows the fault. */
  readonly isBad: (line: DecisionLine) => boolean;
}

const failed = (line: DecisionLine): boolean => isFailedDecision(line);
const wrong = ({ status }: DecisionLine): boolean => status === 424;

/** All planned failures, in the order in which they are tried. */
export const faultPlans: readonly FaultPlan[] = [
  {
    name: "V2 fails always",
    stage: "p5",
    expected: true,
    sides: ["v2"],
    faults: () => ({ error_rate: 1 }),
    seconds: 30,
    isBad: failed,
  },
  {
    name: "V2 fails 20 %",
    stage: "p5",
    expected: true,
    sides: ["v2"],
    faults: () => ({ error_rate: 0.2 }),
    seconds: 60,
    isBad: failed,
  },
  {
    name: "V2 breaks every program",
    stage: "p5",
    expected: true,
    sides: ["v2"],
    faults: () => ({ wrong_rate: 1 }),
    seconds: 60,
    isBad: wrong,
  },
  {
    name: "V2 takes three times V1's p95",
    stage: "p25",
    expected: true,
    sides: ["v2"],
    faults: (p95) => ({ latency_ms: Math.ceil(3 * p95) }),
    seconds: 90,
    isBad: () => true,
  },
  {
    name: "V2 hangs",
    stage: "p25",
    expected: true,
    sides: ["v2"],
    faults: () => ({ hang: true }),
    seconds: 90,
    isBad: failed,
  },
  {
    name: "V2 crashes again and again",
    stage: "p25",
    expected: true,
    sides: ["v2"],
    faults: () => ({ crash: true }),
    lasting: true,
    seconds: 60,
    isBad: failed,
  },
  {
    name: "V2 leaks",
    stage: "p100",
    expected: true,
    sides: ["v2"],
    faults: () => ({ leak_mb_per_min: 240 }),
    seconds: 180,
    isBad: () => true,
  },
  {
    name: "both sides fail half of their requests",
    stage: "p25",
    expected: false,
    sides: ["v1", "v2"],
    faults: () => ({ error_rate: 0.5 }),
    seconds: 20,
    isBad: failed,
  },
];

/**
 * A planned failure.
 *
 * @throws RangeError where none has the name
 */
export function plannedFault(name: string): FaultPlan {
  const plan = faultPlans.find((one) => one.name === name);
  if (plan === undefined) throw new RangeError(`No fault is planned as "${name}".`);
  return plan;
}

/** Those that a rehearsal tries: two at p5, two at p25. */
export const rehearsedFaults: readonly FaultPlan[] = [
  "V2 fails always",
  "V2 breaks every program",
  "V2 takes three times V1's p95",
  "both sides fail half of their requests",
].map(plannedFault);
