import type { PoolFigures } from "../../infra/rollout/evidence/row.ts";
import { tickSeconds } from "./plan.ts";
import type { Plan } from "./plan.ts";
import { normal, poisson } from "./random.ts";
import type { Random } from "./random.ts";

const mebibyte = 1024 * 1024;

/** Memory of an idle V2 pod, and what serving everything adds to it. */
const idleMemory = 200 * mebibyte;
const loadMemory = 120 * mebibyte;

/** Caches fill up within about this time after a change of the share, seconds. */
const fillSeconds = 300;

/** Slow swings of memory: standard deviation as a share, and how long they last, seconds. */
const swing = 0.03;
const swingSeconds = 300;

/** Garbage collection: a sawtooth of this height and period. */
const sawtooth = 0.06;
const sawtoothSeconds = 420;

/** Workers of V2, and their failures a minute in a healthy pool: one or two an hour. */
const workers = 8;
const failuresPerMinute = 0.025;

/**
 * Figures of a healthy V2, as far as the plan does not make it leak: memory that follows the share of the sessions,
 * swings, and rises and falls with garbage collection; now and then a failing worker.
 */
export function simulatedPool(
  { leakPercentPerHour = 0 }: Plan,
  random: Random,
): (at: number, tick: number, percentage: number) => PoolFigures {
  const keep = Math.exp(-tickSeconds / swingSeconds);
  const filled = 1 - Math.exp(-tickSeconds / fillSeconds);
  const phase = random() * sawtoothSeconds;
  let deviation = swing * normal(random);
  let level = idleMemory;
  let workerFailures = 0;
  return (at, tick, percentage) => {
    const seconds = tick * tickSeconds;
    level += filled * (idleMemory + (loadMemory * percentage) / 100 - level);
    deviation = keep * deviation + swing * Math.sqrt(1 - keep ** 2) * normal(random);
    const teeth = sawtooth * (((seconds + phase) % sawtoothSeconds) / sawtoothSeconds);
    const leak = (leakPercentPerHour / 100) * (seconds / 3600);
    workerFailures += poisson(random, (failuresPerMinute * tickSeconds) / 60);
    const memoryBytesPerPod = Math.round(level * (1 + deviation + teeth + leak));
    return {
      at,
      figures: {
        cpuPercent: Math.round(20 + (percentage * 40) / 100),
        memoryPercent: Math.round(memoryBytesPerPod / (5.12 * mebibyte)),
        memoryBytesPerPod,
        workers,
        workerFailures,
      },
    };
  };
}
